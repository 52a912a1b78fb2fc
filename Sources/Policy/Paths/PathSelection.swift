// SPDX-License-Identifier: Apache-2.0

package import Events

/// Which paths a run is about: those that fit one of the patterns (all, where there are none) and none that is excluded.
package struct PathSelection: Sendable {
    private let wanted: [PathPattern]
    private let excluded: [PathPattern]

    /// The paths of `presets` are wanted beside `patterns`.
    package init(_ patterns: [String], excluding excluded: [String] = [], presets: [PathPreset] = []) throws(ScopeError)
    {
        var wanted: [PathPattern] = []
        for pattern in patterns { wanted.append(try PathPattern(pattern, option: "")) }
        for preset in presets {
            for pattern in preset.patterns { wanted.append(try PathPattern(pattern, option: "--preset: ")) }
        }
        self.wanted = wanted
        var unwanted: [PathPattern] = []
        for pattern in excluded { unwanted.append(try PathPattern(pattern, option: "--not-path: ")) }
        self.excluded = unwanted
    }

    /// The names of the only places that are wanted, each from the root on; `nil` where not all are plain, or all is wanted.
    package var places: [[[UInt8]]]? {
        let places = wanted.compactMap(\.names)
        return places.isEmpty || places.count != wanted.count ? nil : places
    }

    /// Whether everything is wanted.
    package var isEmpty: Bool { wanted.isEmpty && excluded.isEmpty }

    /// Whether a path fits as the process sees it, or as the host does: a container's own /etc is an /etc too.
    package func matches(_ path: WalkedPath) -> Bool {
        if isEmpty { return true }
        let own = PathNames(of: path)
        guard path.hasHostPart else { return matches(own) }
        let host = PathNames(ofHost: path)
        let isWanted = wanted.isEmpty || wanted.contains { $0.matches(own) || $0.matches(host) }
        return isWanted && !excluded.contains { $0.matches(own) || $0.matches(host) }
    }

    package func matches(_ path: PathNames) -> Bool {
        (wanted.isEmpty || wanted.contains { $0.matches(path) }) && !excluded.contains { $0.matches(path) }
    }
}
