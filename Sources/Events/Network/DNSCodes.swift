// SPDX-License-Identifier: Apache-2.0

/// The names of the numbers in DNS messages, as dig writes them.
enum DNSCodes {
    static let address: UInt16 = 1
    static let canonicalName: UInt16 = 5
    static let address6: UInt16 = 28
    static let options: UInt16 = 41
    static let svcb: UInt16 = 64
    static let https: UInt16 = 65

    static func append(type: UInt16, to text: inout ArgumentText) {
        if let name = typeName(type) {
            text.append(name)
        } else {
            text.append("TYPE")
            text.append(decimal: type)
        }
    }

    static func append(class number: UInt16, to text: inout ArgumentText) {
        switch number {
        case 1: text.append("IN")
        case 3: text.append("CH")
        case 4: text.append("HS")
        case 254: text.append("NONE")
        case 255: text.append("ANY")
        default:
            text.append("CLASS")
            text.append(decimal: number)
        }
    }

    static func append(responseCode code: UInt16, to text: inout ArgumentText) {
        if let name = responseCodeName(code) {
            text.append(name)
        } else {
            text.append("RCODE")
            text.append(decimal: code)
        }
    }

    private static func typeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 1: "A"
        case 2: "NS"
        case 5: "CNAME"
        case 6: "SOA"
        case 10: "NULL"
        case 12: "PTR"
        case 13: "HINFO"
        case 15: "MX"
        case 16: "TXT"
        case 28: "AAAA"
        case 29: "LOC"
        case 33: "SRV"
        case 35: "NAPTR"
        case 37: "CERT"
        case 39: "DNAME"
        case 41: "OPT"
        case 43: "DS"
        case 44: "SSHFP"
        case 46: "RRSIG"
        case 47: "NSEC"
        case 48: "DNSKEY"
        case 50: "NSEC3"
        case 51: "NSEC3PARAM"
        case 52: "TLSA"
        case 64: "SVCB"
        case 65: "HTTPS"
        case 99: "SPF"
        case 249: "TKEY"
        case 250: "TSIG"
        case 251: "IXFR"
        case 252: "AXFR"
        case 255: "ANY"
        case 256: "URI"
        case 257: "CAA"
        default: nil
        }
    }

    private static func responseCodeName(_ code: UInt16) -> StaticString? {
        switch code {
        case 0: "NOERROR"
        case 1: "FORMERR"
        case 2: "SERVFAIL"
        case 3: "NXDOMAIN"
        case 4: "NOTIMP"
        case 5: "REFUSED"
        case 6: "YXDOMAIN"
        case 7: "YXRRSET"
        case 8: "NXRRSET"
        case 9: "NOTAUTH"
        case 10: "NOTZONE"
        case 16: "BADVERS"
        case 23: "BADCOOKIE"
        default: nil
        }
    }
}
