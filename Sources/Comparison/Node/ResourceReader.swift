// SPDX-License-Identifier: Apache-2.0

/// What cgroups count of CPU and memory, where controllers are mounted as v2 or v1.
struct ResourceReader: Sendable {
    /// The directory of each controller; `""` is v2.
    private let mounts: [String: String]

    init() {
        self.init(mountinfo: ProcessSurvey.text("/proc/self/mountinfo") ?? "")
    }

    init(mountinfo: String) {
        var mounts: [String: String] = [:]
        for line in mountinfo.split(separator: "\n") {
            // 36 35 98:0 /root /mount/point options... - type source options
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 5, dash + 3 < fields.count else { continue }
            let point = String(fields[4])
            if fields[dash + 1] == "cgroup2", mounts[""] == nil { mounts[""] = point }
            guard fields[dash + 1] == "cgroup" else { continue }
            for option in fields[dash + 3].split(separator: ",") where mounts[String(option)] == nil {
                mounts[String(option)] = point
            }
        }
        self.mounts = mounts
    }

    /// A counter at one time.
    struct Reading: Sendable, Equatable {
        var cpu: UInt64?
        var throttledPeriods: UInt64?
        var throttled: UInt64?
        var memory: UInt64?
        var peakMemory: UInt64?
        var oomKills: UInt64?
        var limitCPU: UInt64?
        var limitMemory: UInt64?
        /// Of v1, and of v2.
        var shares: UInt64?
        var weight: UInt64?
        /// Bytes that are not taken from it, or only when there is nothing else.
        var protectedMemory: UInt64?
        /// Whether it was its own cgroup that told, so that there is no limit where none is here.
        var hasOwnCPU = false
        var hasOwnMemory = false
        /// The files that it is from.
        var files: [String] = []
    }

    /// Where a controller counts for a process: its directory, and whether it is v2. `nil` where it is in the roots alone,
    /// which count everything.
    func place(_ controller: String, of process: SurveyedProcess) -> (directory: String, path: String, isV2: Bool)? {
        if let mount = mounts[controller],
            let path = process.cgroups.first(where: { $0.controllers.contains(controller) })?.path, path != "/"
        {
            return (mount + path, path, false)
        }
        // Which counts CPU without a controller, too.
        guard let mount = mounts[""], let path = process.cgroups.first(where: { $0.controllers.isEmpty })?.path,
            path != "/"
        else { return nil }
        return (mount + path, path, true)
    }

    /// What the cgroups of a process say now. `isOwn` tells whether a controller's path has no one else in it.
    func reading(of process: SurveyedProcess, isOwn: (_ controller: String, _ path: String) -> Bool) -> Reading {
        var reading = Reading()
        if let place = place("cpuacct", of: process) ?? place("cpu", of: process) {
            let controller = place.isV2 ? "" : "cpuacct"
            if isOwn(controller, place.path) { readCPU(place.directory, isV2: place.isV2, process, &reading) }
        }
        if let place = place("memory", of: process), isOwn(place.isV2 ? "" : "memory", place.path) {
            readMemory(place.directory, isV2: place.isV2, &reading)
        }
        return reading
    }

    private func readCPU(_ directory: String, isV2: Bool, _ process: SurveyedProcess, _ reading: inout Reading) {
        if isV2 {
            guard let stat = fields("\(directory)/cpu.stat"), let usage = stat["usage_usec"] else { return }
            reading.cpu = usage &* 1000
            // Without the controller there is no limit to read.
            reading.weight = number("\(directory)/cpu.weight")
            reading.hasOwnCPU = reading.weight != nil
            reading.throttledPeriods = stat["nr_throttled"]
            reading.throttled = stat["throttled_usec"].map { $0 &* 1000 }
            reading.files.append("\(directory)/cpu.stat")
            let limit = ProcessSurvey.text("\(directory)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
            if limit.count == 2, let quota = UInt64(limit[0]), let period = UInt64(limit[1]), period > 0 {
                reading.limitCPU = quota &* 1000 / period
            }
            return
        }
        guard let usage = number("\(directory)/cpuacct.usage") else { return }
        reading.cpu = usage
        reading.files.append("\(directory)/cpuacct.usage")
        guard let cpu = place("cpu", of: process), let stat = fields("\(cpu.directory)/cpu.stat") else { return }
        reading.throttledPeriods = stat["nr_throttled"]
        reading.throttled = stat["throttled_time"]
        reading.shares = number("\(cpu.directory)/cpu.shares")
        reading.hasOwnCPU = reading.shares != nil
        reading.files.append("\(cpu.directory)/cpu.stat")
        if let quota = number("\(cpu.directory)/cpu.cfs_quota_us"),
            let period = number("\(cpu.directory)/cpu.cfs_period_us"), period > 0
        {
            reading.limitCPU = quota &* 1000 / period
        }
    }

    private func readMemory(_ directory: String, isV2: Bool, _ reading: inout Reading) {
        let current = isV2 ? "memory.current" : "memory.usage_in_bytes"
        guard let memory = number("\(directory)/\(current)") else { return }
        reading.memory = memory
        reading.hasOwnMemory = true
        reading.files.append("\(directory)/\(current)")
        reading.peakMemory = number("\(directory)/\(isV2 ? "memory.peak" : "memory.max_usage_in_bytes")")
        let events = isV2 ? "memory.events" : "memory.oom_control"
        reading.oomKills = fields("\(directory)/\(events)")?["oom_kill"]
        if reading.oomKills != nil { reading.files.append("\(directory)/\(events)") }
        let limit = number("\(directory)/\(isV2 ? "memory.max" : "memory.limit_in_bytes")")
        if isV2 {
            reading.protectedMemory = max(
                number("\(directory)/memory.min") ?? 0, number("\(directory)/memory.low") ?? 0)
        }
        // Without a limit v1 has the largest number of pages.
        reading.limitMemory = limit.flatMap { $0 < 1 << 60 ? $0 : nil }
    }

    private func number(_ path: String) -> UInt64? {
        ProcessSurvey.text(path)?.split(whereSeparator: \.isWhitespace).first.flatMap { UInt64($0) }
    }

    /// "name value" on each line.
    private func fields(_ path: String) -> [String: UInt64]? {
        guard let text = ProcessSurvey.text(path) else { return nil }
        var fields: [String: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { fields[String(words[0])] = value }
        }
        return fields
    }
}
