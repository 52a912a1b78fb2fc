// SPDX-License-Identifier: Apache-2.0

/// Pictures in SVG. Their colours are classes of the page's style, so that they follow a dark one.
struct Chart {
    let width: Double
    let height: Double
    /// What it shows, for who does not see it.
    let title: String
    private var body: HTML = ""

    init(width: Double, height: Double, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    var html: HTML {
        """
        <svg viewBox="0 0 \(width) \(height)" role="img" aria-label="\(title)"><title>\(title)</title>\(raw: body)</svg>

        """
    }

    mutating func rectangle(x: Double, y: Double, width: Double, height: Double, style: String, hint: String) {
        body += """
            <rect class="\(style)" x="\(x)" y="\(y)" width="\(max(width, 0))" height="\(height)">\
            <title>\(hint)</title></rect>
            """
    }

    mutating func line(x1: Double, y1: Double, x2: Double, y2: Double, style: String) {
        body += "<line class=\"\(style)\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\"/>"
    }

    mutating func curve(_ points: [(x: Double, y: Double)], style: String) {
        let places = HTML.joined(points) { "\($0.x),\($0.y) " }
        body += "<polyline class=\"\(style)\" points=\"\(raw: places)\"/>"
    }

    mutating func dot(x: Double, y: Double, style: String, hint: String) {
        body += "<circle class=\"\(style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"><title>\(hint)</title></circle>"
    }

    enum Anchor: String {
        case start, middle, end
    }

    mutating func text(_ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "label") {
        body += "<text class=\"\(style)\" x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor.rawValue)\">\(text)</text>"
    }
}

/// From values to places on an axis.
struct Scale {
    let values: ClosedRange<Double>
    let places: (from: Double, to: Double)
    let isLogarithmic: Bool

    /// `values` are above 0 where it is logarithmic.
    init(_ values: ClosedRange<Double>, from: Double, to: Double, isLogarithmic: Bool = false) {
        self.values = values
        places = (from, to)
        self.isLogarithmic = isLogarithmic
    }

    func place(_ value: Double) -> Double {
        let value = min(max(value, values.lowerBound), values.upperBound)
        let (low, high, at) =
            isLogarithmic
            ? (logarithm(values.lowerBound), logarithm(values.upperBound), logarithm(value))
            : (values.lowerBound, values.upperBound, value)
        let part = high > low ? (at - low) / (high - low) : 0
        return places.from + part * (places.to - places.from)
    }

    /// Three to seven round values from 0 to at least `most`.
    static func ticks(upTo most: Double) -> [Double] {
        guard most > 0, most.isFinite else { return [0, 1] }
        var step = 1.0
        while step * 5 < most { step *= 10 }
        while step > most { step /= 10 }
        for factor in [0.1, 0.2, 0.5, 1, 2] where step * factor * 6 >= most {
            let count = Int((most / (step * factor)).rounded(.up))
            return (0...max(count, 1)).map { Double($0) * step * factor }
        }
        return [0, most]
    }

    /// Powers of ten that enclose the values.
    static func decades(_ low: Double, _ high: Double) -> [Double] {
        var first = 1.0
        while first > low { first /= 10 }
        while first * 10 <= low { first *= 10 }
        var result = [first]
        while result[result.count - 1] < high { result.append(result[result.count - 1] * 10) }
        if result.count == 1 { result.append(first * 10) }
        return result
    }
}

/// To the base of 2, as near as a picture needs: the exponent, and a line through the fraction's curve.
private func logarithm(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return 0 }
    // log2(m) of 1 ≤ m < 2 by atanh's series: 1e-5 at its worst.
    let x = (value.significand - 1) / (value.significand + 1)
    let square = x * x
    let series = x * (1 + square * (1 / 3 + square * (1 / 5 + square / 7)))
    return Double(value.exponent) + series * 2 / 0.693147180559945
}
