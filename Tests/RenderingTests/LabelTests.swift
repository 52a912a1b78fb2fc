// SPDX-License-Identifier: Apache-2.0

import Events
import Fixtures
import Testing

@testable import Rendering

/// Labels of a container: text from outside, keys too.
struct LabelTests {
    @Test func json() {
        let labels = TextList(Bytes(Array("app=web\0a\"b=c=d\u{1b}\0empty=\0bare".utf8)))
        var renderer = JSONRenderer(fields: [], host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.appendValue(.labels(labels), to: &buffer)
        #expect(
            String(decoding: buffer.array(), as: UTF8.self)
                == #"{"app":"web","a\"b":"c=d\u001b","empty":"","bare":""}"#)
    }
}
