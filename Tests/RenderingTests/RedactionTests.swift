// SPDX-License-Identifier: Apache-2.0

import Events
import Rendering
import Testing

struct RedactionTests {
    private func redact(_ arguments: [String]) -> [String] {
        let list = TextList(Bytes(arguments.map { $0 + "\0" }.joined()))
        return Redaction.arguments(list).strings
    }

    @Test(arguments: [
        ("--password=hunter2", "--password=*****"),
        ("--password=two words", "--password=*****"),
        ("-password=hunter2", "-password=*****"),
        ("--PASSWORD=hunter2", "--PASSWORD=*****"),
        ("--db_password=hunter2", "--db_password=*****"),
        ("--password:hunter2", "--password:*****"),
        ("--api-key=abc", "--api-key=*****"),
        ("--apikey=abc", "--apikey=*****"),
        ("--pass=abc", "--pass=*****"),
        ("--secret=abc", "--secret=*****"),
        ("--passphrase=abc", "--passphrase=*****"),
        ("pass:abc", "pass:*****"),
        ("DB_PASS=abc", "DB_PASS=*****"),
        ("MYSQL_PWD=abc", "MYSQL_PWD=*****"),
        ("PGPASSWORD=abc", "PGPASSWORD=*****"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_SECRET_ACCESS_KEY=*****"),
        ("GITHUB_TOKEN=ghp_abc", "GITHUB_TOKEN=*****"),
        ("--from-literal=password=abc", "--from-literal=password=*****"),
        ("-Dspring.datasource.password=abc", "-Dspring.datasource.password=*****"),
        ("-e", "-e"),
        // Headers.
        ("Authorization: Bearer abc", "Authorization: Bearer *****"),
        ("authorization:abc def", "authorization:*****"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=b", "Authorization: *****"),
        ("Proxy-Authorization: Basic YTpi", "Proxy-Authorization: Basic *****"),
        ("X-Auth-Token: abc", "X-Auth-Token: *****"),
        ("X-Api-Key: abc", "X-Api-Key: *****"),
        // A name that ends like "authorization" shows nothing of its value.
        ("--token=first second", "--token=*****"),
        // Data.
        (#"{"user":"me","password":"hunter2","a":1}"#, #"{"user":"me","password":"*****","a":1}"#),
        (#"{"password" : "two words"}"#, #"{"password" : "*****"}"#),
        (#"{"password":"a\"b","c":1}"#, #"{"password":"*****","c":1}"#),
        (#"{"token":123}"#, #"{"token":*****"#),
        ("user=me&password=abc&x=1", "user=me&password=*****&x=1"),
        ("host=db password=abc dbname=x", "host=db password=***** dbname=x"),
        // URLs.
        ("https://me:abc@host/path", "https://me:*****@host/path"),
        ("postgres://me:a@b@host:5432/db", "postgres://me:*****@host:5432/db"),
        ("redis://:abc@host", "redis://:*****@host"),
        ("https://token:abc@host/path", "https://token:*****@host/path"),
        ("https://a:b@c https://d:e@f", "https://a:*****@c https://d:*****@f"),
        ("https://host/?token=abc&x=1", "https://host/?token=*****&x=1"),
        ("https://me:abc@host/?password=abc", "https://me:*****@host/?password=*****"),
        // user:password.
        ("--user=me:abc", "--user=me:*****"),
        ("--proxy-user=me:abc", "--proxy-user=me:*****"),
    ])
    func masked(_ argument: String, _ expected: String) {
        #expect(redact(["tool", argument]) == ["tool", expected])
    }

    @Test(arguments: [
        "--token-file=/run/token", "--password-file", "--secret-name=db", "--token-ttl=1h", "--token-url=https://host",
        "--credentials-dir=/x", "--password-stdin", "--tokenizer=bert", "password", "/run/secrets/token", "token",
        "https://host/path", "https://me@host/", "ssh://git@host:22/x", "git@github.com:me/x.git", "a:b@c",
        "--password=",
        "--password", "TOKEN=", "user:password", "--bypass=x", "--compass=x", "PWD=/root", "passport=x", "Token::parse",
        "user=me", "--help", "", "-", ":", "://", "://@", "=", "-u",
    ])
    func shown(_ argument: String) {
        #expect(redact(["tool", argument]) == ["tool", argument])
    }

    @Test(arguments: [
        (["--password", "abc", "next"], ["--password", "*****", "next"]),
        (["--token", "abc"], ["--token", "*****"]),
        (["-token", "abc"], ["-token", "*****"]),
        (["--pass", "abc"], ["--pass", "*****"]),
        (["--password", ""], ["--password", ""]),
        // An option follows, not a value.
        (["--password", "--verbose"], ["--password", "--verbose"]),
        (["--password", "-"], ["--password", "-"]),
        (["--password-file", "/run/x"], ["--password-file", "/run/x"]),
        (["--token-ttl", "1h"], ["--token-ttl", "1h"]),
        (["--password-stdin", "host"], ["--password-stdin", "host"]),
        (["--password=abc", "next"], ["--password=*****", "next"]),
        // Not an option: a word.
        (["secret", "abc"], ["secret", "abc"]),
        (["get", "secrets", "abc"], ["get", "secrets", "abc"]),
        (["-u", "me:abc"], ["-u", "me:*****"]),
        (["--user", "me:a:b"], ["--user", "me:*****"]),
        (["-U", "me:abc"], ["-U", "me:*****"]),
        (["-u", ":abc"], ["-u", ":*****"]),
        (["-u", "me"], ["-u", "me"]),
        (["-u", "1000:1000"], ["-u", "1000:1000"]),
        (["-u", "https://host:1"], ["-u", "https://host:1"]),
        (["-x", "me:abc"], ["-x", "me:abc"]),
        (["-H", "Authorization: Bearer abc"], ["-H", "Authorization: Bearer *****"]),
        (["-passin", "pass:abc"], ["-passin", "pass:*****"]),
    ])
    func acrossArguments(_ arguments: [String], _ expected: [String]) {
        #expect(redact(["tool"] + arguments) == ["tool"] + expected)
    }

    /// A shell's command line in one argument.
    @Test(arguments: [
        (
            "curl -H 'Authorization: Bearer abc' https://host",
            "curl -H 'Authorization: Bearer *****' https://host"
        ),
        (#"curl -H "Authorization: abc" https://host"#, #"curl -H "Authorization: *****" https://host"#),
        ("curl -H 'X-Api-Key: a b' https://host", "curl -H 'X-Api-Key: *****' https://host"),
        ("curl -u me:abc https://host", "curl -u me:***** https://host"),
        ("curl -u 'me:a b' https://host", "curl -u 'me:*****' https://host"),
        ("curl --user=me:abc https://host", "curl --user=me:***** https://host"),
        ("docker run -u 0:0 image", "docker run -u 0:0 image"),
        ("echo x; TOKEN=abc ./run", "echo x; TOKEN=***** ./run"),
        ("export TOKEN=abc; ./run", "export TOKEN=*****; ./run"),
        ("mysql --password=abc -e 'select 1'", "mysql --password=***** -e 'select 1'"),
        ("mysql --password='a b' -e x", "mysql --password='*****' -e x"),
        ("vault login --token abc --x", "vault login --token ***** --x"),
        ("vault login --token --x", "vault login --token --x"),
        (
            "curl https://me:abc@host -H 'Authorization: Bearer def'",
            "curl https://me:*****@host -H 'Authorization: Bearer *****'"
        ),
        (
            #"curl -d "{\"password\":\"a b\",\"x\":1}" https://host"#,
            #"curl -d "{\"password\":\"*****\",\"x\":1}" https://host"#
        ),
        ("cat /run/secrets/token | wc -c", "cat /run/secrets/token | wc -c"),
        ("grep -r password .", "grep -r password ."),
        ("tool --token-file /x --token=abc", "tool --token-file /x --token=*****"),
    ])
    func shell(_ command: String, _ expected: String) {
        #expect(redact(["sh", "-c", command]) == ["sh", "-c", expected])
    }

    /// Empty arguments, and a last one that was cut, stay where they are.
    @Test func shape() {
        #expect(redact(["", "--token=a", "", ""]) == ["", "--token=*****", "", ""])
        let cut = TextList(Bytes("tool\0--token=ab"))
        #expect(Redaction.arguments(cut).strings == ["tool", "--token=*****"])
        #expect(Redaction.arguments(TextList(Bytes(""))).strings == [])
    }

    /// Nothing to mask: the same bytes, not a copy.
    @Test func unchanged() {
        let list = TextList(Bytes(Array("x\0tool\0-v\0".utf8), 2..<10))
        #expect(Redaction.arguments(list).bytes.range == 2..<10)
    }

    /// A part of a larger array: what lies around it is neither read nor shown.
    @Test func neighbours() {
        let list = TextList(Bytes(Array("--token\0abc\0--token=\0x".utf8), 8..<21))
        #expect(Redaction.arguments(list).strings == ["abc", "--token="])
    }

    /// Bytes that are not UTF-8 pass through.
    @Test func bytes() {
        let list = TextList(Bytes([0xff, 0x3d, 0] + Array("--token=".utf8) + [0xff, 0xfe, 0]))
        #expect(Array(Redaction.arguments(list).bytes.slice) == [0xff, 0x3d, 0] + Array("--token=*****\0".utf8))
    }

    /// Command lines that are made to be slow to read.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "password", "password_", "password=", "password_file", "-u ", "://", "pass", "\\\"", "token:'", "://a:",
            "Authorization: ", "a",
        ])
    func longest(_ piece: String) {
        let text = String(repeating: piece, count: 32768 / piece.utf8.count)
        let clock = ContinuousClock()
        let time = clock.measure { _ = redact([text, "--" + text, text + "file"]) }
        // Some 10 ms without optimization; seconds if it looked twice at the same bytes.
        #expect(time < .milliseconds(1500))
    }
}
