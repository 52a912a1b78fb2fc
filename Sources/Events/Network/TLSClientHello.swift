// SPDX-License-Identifier: Apache-2.0

/// The first message of a TLS client, as far as it can be read: whom it wants to talk to, and in which protocol.
package struct TLSClientHello: Sendable {
    /// The name that it asks for, in small letters. With `hidesName` it is the one that is for everybody to see.
    package private(set) var serverName: Bytes?
    /// The protocols that it offers (ALPN), NUL-terminated, the one it likes best first.
    package private(set) var protocols = TextList(Bytes([]))
    /// The highest version that it offers, as on the wire: 0x0304 for TLS 1.3.
    package private(set) var version: UInt16
    /// It has an encrypted ClientHello, which may have another name; or it acts as if (RFC 9849, 6.2).
    package private(set) var hidesName = false
    /// The bytes end before the message does, or something in it is not as it must be.
    package private(set) var isPartial = false

    /// What begins a TLS record with a ClientHello.
    package static func begins(_ segment: RawSpan) -> Bool {
        segment.byte(at: 0) == 22 && segment.byte(at: 1) == 3 && segment.byte(at: 5) == 1
    }

    /// From the first bytes of a connection; `nil` when they are something else.
    package init?(_ segment: RawSpan) {
        guard Self.begins(segment), let size = segment.big16(at: 3), size >= 4, let first = segment.big32(at: 5) else {
            return nil
        }
        let length = Int(first & 0xff_ffff)
        if length + 4 <= Int(size), length + 9 <= segment.byteCount {
            self.init(body: segment.extracting(9..<9 + length), isWhole: true)
        } else {
            // In several records, or not all here.
            let message = Self.join(recordsOf: segment, limit: length + 4)
            unsafe self.init(
                body: message.span.bytes.extracting(droppingFirst: 4), isWhole: message.count == length + 4)
        }
    }

    /// The handshake bytes of the records in `segment`, up to `limit`.
    private static func join(recordsOf segment: RawSpan, limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var offset = 0
        while bytes.count < limit, segment.byte(at: offset) == 22, let size = segment.big16(at: offset + 3), size > 0 {
            let start = offset + 5
            let end = min(start + Int(size), segment.byteCount, start + limit - bytes.count)
            guard start < end else { break }
            bytes += segment.copy(start..<end)
            offset = start + Int(size)
        }
        return bytes
    }

    private init?(body: RawSpan, isWhole: Bool) {
        guard let version = body.big16(at: 0), version >> 8 == 3 else { return nil }
        self.version = version
        isPartial = !isWhole
        // The random number, and three lists: session, ciphers, compression.
        var offset = 34
        guard let session = body.byte(at: offset) else {
            isPartial = true
            return
        }
        offset += 1 + Int(session)
        guard let ciphers = body.big16(at: offset), ciphers % 2 == 0 else {
            isPartial = true
            return
        }
        offset += 2 + Int(ciphers)
        guard let compressions = body.byte(at: offset) else {
            isPartial = true
            return
        }
        offset += 1 + Int(compressions)
        guard offset != body.byteCount else { return }  // TLS 1.2 and older do without extensions
        guard let size = body.big16(at: offset) else {
            isPartial = true
            return
        }
        offset += 2
        let end = offset + Int(size)
        if end > body.byteCount { isPartial = true }
        while offset < end {
            guard
                let kind = body.big16(at: offset), let size = body.big16(at: offset + 2),
                offset + 4 + Int(size) <= min(end, body.byteCount)
            else {
                isPartial = true
                return
            }
            if !take(kind, body.extracting(offset + 4..<offset + 4 + Int(size))) { isPartial = true }
            offset += 4 + Int(size)
        }
    }

    /// One extension. False when it is not as it must be.
    private mutating func take(_ kind: UInt16, _ data: RawSpan) -> Bool {
        switch kind {
        case 0: takeNames(data)
        case 16: takeProtocols(data)
        case 43: takeVersions(data)
        case 0xfe0d, 0xffce:  // encrypted ClientHello, and encrypted SNI that was before it
            takeEncrypted()
        default: true
        }
    }

    private mutating func takeEncrypted() -> Bool {
        hidesName = true
        return true
    }

    private mutating func takeNames(_ data: RawSpan) -> Bool {
        guard let size = data.big16(at: 0), Int(size) + 2 == data.byteCount else { return false }
        var offset = 2
        while offset < data.byteCount {
            guard
                let kind = data.byte(at: offset), let size = data.big16(at: offset + 1),
                offset + 3 + Int(size) <= data.byteCount
            else { return false }
            if kind == 0, serverName == nil, size > 0 {
                guard size <= 255 else { return false }
                serverName = Bytes(
                    data.copy(offset + 3..<offset + 3 + Int(size))
                        .map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 })
            }
            offset += 3 + Int(size)
        }
        return serverName != nil
    }

    private mutating func takeProtocols(_ data: RawSpan) -> Bool {
        guard let size = data.big16(at: 0), Int(size) + 2 == data.byteCount else { return false }
        var text = ArgumentText()
        var offset = 2
        while offset < data.byteCount {
            guard let size = data.byte(at: offset), size > 0, offset + 1 + Int(size) <= data.byteCount else {
                return false
            }
            if !(size == 2 && Self.isGrease(data.big16(at: offset + 1) ?? 0)) {
                text.append(data.copy(offset + 1..<offset + 1 + Int(size)))
                text.endArgument()
            }
            offset += 1 + Int(size)
        }
        protocols = TextList(Bytes(text.bytes))
        return true
    }

    private mutating func takeVersions(_ data: RawSpan) -> Bool {
        guard let size = data.byte(at: 0), Int(size) + 1 == data.byteCount, size % 2 == 0 else { return false }
        var highest: UInt16 = 0
        for offset in stride(from: 1, to: data.byteCount, by: 2) {
            guard let version = data.big16(at: offset) else { return false }
            if !Self.isGrease(version) { highest = max(highest, version) }
        }
        if highest != 0 { version = highest }
        return highest != 0
    }

    /// Numbers that mean nothing and are sent so that servers learn to ignore what they do not know (RFC 8701).
    private static func isGrease(_ number: UInt16) -> Bool { number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff }

    /// 1.3 and so on; `nil` for a version that is not known.
    package var versionText: StaticString? {
        switch version {
        case 0x0300: "ssl3"
        case 0x0301: "1.0"
        case 0x0302: "1.1"
        case 0x0303: "1.2"
        case 0x0304: "1.3"
        default: nil
        }
    }
}
