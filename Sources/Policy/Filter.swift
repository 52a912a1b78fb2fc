// SPDX-License-Identifier: Apache-2.0

/// A condition on events: `destination.port in (443, 8443) and not process.name == "curl"`.
///
/// A comparison with a field that an event does not have is false, with `!=` too; `not` turns round whatever follows it.
/// A comparison of a list holds when it does for one of its elements; `!=` when for none.
package struct Filter: Sendable, CustomStringConvertible {
    let expression: FilterExpression

    /// Reads an expression and holds it to the types of its fields.
    package init(_ text: String) throws(FilterError) {
        expression = try FilterParser.expression(text)
    }

    private init(_ expression: FilterExpression) {
        self.expression = expression
    }

    /// Holds when each does: all events where there are none.
    package static func all(_ filters: [Filter]) -> Filter { Filter(.all(filters.map(\.expression))) }

    /// Holds when one does: no event where there are none.
    package static func any(_ filters: [Filter]) -> Filter { Filter(.any(filters.map(\.expression))) }

    /// The expression again, with its parentheses where they help. (Of `all` and `any` without filters, nothing.)
    package var description: String { expression.description }

    /// What decides for events. `boot` is what stands in front of each entity id.
    package func matcher(boot: String) -> FilterMatcher { FilterMatcher(expression, boot: Array(boot.utf8)) }
}
