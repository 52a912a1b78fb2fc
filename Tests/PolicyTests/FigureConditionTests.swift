// SPDX-License-Identifier: Apache-2.0

import Policy
import Testing

private let names = ["sidecar.coverage", "events.lost", "sidecar.memory"]

private func holds(_ text: String, _ figures: [String: Double]) throws -> Bool {
    try FigureCondition(text, names: names).holds { figures[$0] }
}

@Test func conditionsOnFiguresHoldByTheirNumbers() throws {
    let figures = ["sidecar.coverage": 0.5, "sidecar.memory": 64_000_000]
    #expect(try holds("sidecar.coverage < 1", figures))
    #expect(try holds("sidecar.coverage == 50%", figures))
    #expect(try !holds("sidecar.coverage >= 50.1%", figures))
    #expect(try holds("sidecar.memory == 64M and not (sidecar.coverage != 0.5)", figures))
    #expect(try holds("sidecar.coverage > 1 or sidecar.memory > 1K and sidecar.memory <= 1G", figures))
    // What was not measured compares with nothing.
    #expect(try !holds("events.lost < 1", figures))
    #expect(try !holds("events.lost != 1", figures))
    #expect(try holds("not events.lost exists", figures))
}

@Test(arguments: [
    ("sidecar.coverag < 1", 0, "did you mean sidecar.coverage?"),
    ("sidecar.coverage", 16, "operators for it"),
    ("sidecar.coverage ~ 1", 17, "operators for it"),
    ("sidecar.coverage < x", 19, "write a number"),
    ("sidecar.coverage < 1.2.3", 19, "write a number"),
    ("(sidecar.coverage < 1", 0, "close it with )"),
    ("sidecar.coverage < 1 2", 21, ""),
    ("", 0, "FIGURE < NUMBER"),
])
func mistakesInConditionsAreShownWhereTheyAre(_ text: String, _ column: Int, _ help: String) {
    #expect {
        try FigureCondition(text, names: names)
    } throws: { error in
        guard let error = error as? FilterError else { return false }
        return error.column == column && (help.isEmpty || error.lines.joined().contains(help))
    }
}
