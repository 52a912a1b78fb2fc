// SPDX-License-Identifier: Apache-2.0

import Glibc

// The page of a laboratory as a browser shows it. The browser has no network but loopback: it would call home.

private let width = 1280

/// Appended to a copy of the page, without the policy that refuses it: what is drawn, and on a picture of it the colours.
private let measure = """
    <img id="picture" style="display: none" src="data:image/png;base64,PICTURE"/>
    <script>
    addEventListener('load', () => {
      const found = {
        width: document.documentElement.scrollWidth,
        beyond: [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
          .map(e => e.tagName + ' ' + e.textContent.slice(0, 40)).slice(0, 5),
        charts: [...document.querySelectorAll('svg')].map(e => Math.round(e.getBoundingClientRect().width)),
        empty: [...document.querySelectorAll('svg')].filter(e => !e.querySelector('rect, polyline, circle')).length,
        resources: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:')),
      };
      const picture = document.getElementById('picture');
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
      const context = canvas.getContext('2d');
      context.drawImage(picture, 0, 0);
      const words = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
      const counts = new Map();
      for (const word of words) counts.set(word, (counts.get(word) || 0) + 1);
      found.picture = [picture.naturalWidth, picture.naturalHeight];
      found.colours = counts.size;
      found.ground = Math.max(...counts.values()) / words.length;
      const element = document.createElement('pre');
      element.id = 'measured';
      element.textContent = JSON.stringify(found);
      document.querySelectorAll('script, img').forEach(e => e.remove());
      document.body.append(element);
    });
    </script>
    """

private func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            text.append(place <= group.count ? digits[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
        }
    }
    return String(decoding: text, as: UTF8.self)
}

extension Context {
    /// What the browser wrote to its standard output, and its console.
    fileprivate func browse(_ page: String, _ words: [String]) throws -> (output: String, console: [String]) {
        let options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr", "--user-data-dir=\(scratch)/profile", "--window-size=\(width),3000",
        ]
        let child = try Child(["unshare", "-n", "chromium"] + options + words + ["file://\(page)"])
        children.append(child)
        child.closeInput()
        guard child.wait(milliseconds: allow(milliseconds: 60_000)) else {
            throw Stop.failed("the browser still runs: \(child.errorText.suffix(300))")
        }
        equal(child.status, .code(0), "the browser's exit status: \(child.errorText.suffix(300))")
        return (child.outputText, lines(child.errorText).filter { $0.contains(":CONSOLE:") })
    }

    /// That of the laboratory before, or of one for this.
    fileprivate func laboratoryPage() throws -> String {
        if let page = shared.page { return page }
        let file = "\(scratch)/laboratory.html"
        let run = try self.run(
            ["--lab", "--pods", "1", "--report", file], milliseconds: 120_000, command: "compare-sidecar")
        guard run.status == .code(0) else { throw Stop.failed("no laboratory: \(run.errors)") }
        return contents(of: file) ?? ""
    }
}

let browserTests = [
    Test("page: a browser draws it whole, loads nothing and has nothing to complain of", dependsOnKernel: false) { t in
        for name in ["chromium", "unshare", "haproxy", "nft"] where t.program(name) == nil {
            throw Stop.skipped("\(name) is not installed")
        }
        let html = try t.laboratoryPage()
        let page = "\(t.scratch)/page.html"
        let picture = "\(t.scratch)/picture.png"
        try write(html, to: page)
        let (dom, console) = try t.browse(page, ["--dump-dom"])
        t.equal(console, [], "the console")
        // What it made of the page has all that was written there.
        for word in ["<h2>Latency</h2>", "<h2>Sidecars</h2>", "bare miner", "not measurable here", "</html>"] {
            t.expect(dom.contains(word), "the page lacks \(word)")
        }
        func cells(_ text: String) -> [String] {
            // What stands for a quotation mark the browser writes as such.
            let text = text.replacing("&#39;", with: "'").replacing("&quot;", with: "\"")
            return text.split(separator: "<td>").dropFirst().map { String($0.prefix { $0 != "<" }) }
        }
        t.equal(cells(dom), cells(html), "the cells of its tables")
        _ = try t.browse(page, ["--screenshot=\(picture)"])
        let png = bytes(of: picture) ?? []
        guard png.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { throw Stop.failed("no picture of it") }

        guard let policy = html.range(of: "<meta http-equiv=", to: "/>"), html.contains("</body>") else {
            throw Stop.failed("the page has no policy, or no end: \(html.prefix(300))")
        }
        let open = html.replacingCharacters(in: policy, with: "").replacing(
            "</body>", with: measure.replacing("PICTURE", with: base64(png)) + "</body>")
        try write(open, to: page)
        let (measured, _) = try t.browse(page, ["--dump-dom"])
        guard let text = measured.range(of: "<pre id=\"measured\">", to: "</pre>").map({ measured[$0] }) else {
            throw Stop.failed("nothing was measured: \(measured.suffix(300))")
        }
        let json = try JSON(parsing: Array(text.drop { $0 != "{" }.prefix { $0 != "<" }.utf8)[...])
        t.equal(json["width"]?.integer, width, "how wide it is")
        t.equal(json["beyond"], [], "what is beyond the edge")
        t.equal(json["resources"], [], "what it loaded")
        let charts = (json["charts"]?.array ?? []).map { $0.integer ?? 0 }
        t.expect(charts.count == 4 && charts.allSatisfy { $0 > 300 }, "widths of charts: \(charts)")
        t.equal(json["empty"], 0, "charts with nothing in them")
        t.equal(json["picture"], [.integer(width), 3000], "the size of the picture")
        t.expect((json["colours"]?.integer ?? 0) > 50, "colours: \(json["colours"] ?? "")")
        guard case .number(let ground)? = json["ground"] else { return t.fail("no ground: \(json)") }
        t.expect((0.3...0.99).contains(ground), "the part of the picture that is ground: \(ground)")
        t.note("\(json["colours"]!) colours, \(Int(ground * 100)) % ground")

        // It would complain of a page that loads something.
        try write(html.replacing("</body>", with: "<img src=\"http://127.0.0.1:9/x\"/></body>"), to: page)
        let complaint = try t.browse(page, ["--dump-dom"]).console
        t.expect(complaint.contains { $0.contains("Content Security Policy") }, "no complaint: \(complaint)")
    }
]

extension String {
    /// From the first place of `start` to the end of the first `end` behind it.
    fileprivate func range(of start: String, to end: String) -> Range<Index>? {
        guard let from = indices.first(where: { self[$0...].hasPrefix(start) }),
            let to = self[from...].indices.first(where: { self[$0...].hasPrefix(end) })
        else { return nil }
        return from..<index(to, offsetBy: end.count)
    }

    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
