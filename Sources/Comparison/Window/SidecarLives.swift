// SPDX-License-Identifier: Apache-2.0

internal import Rendering

/// What becomes of sidecars in the window: by the ends of their processes, and by programs that take their places.
struct SidecarLives {
    private struct Life {
        let key: WorkloadKey
        var sidecar: Sidecar
        var pids: Set<UInt32>
        var absentSince: UInt64?
        var absent: UInt64 = 0
        var restarts: UInt64 = 0
        var evidence: [Evidence] = []
    }

    private var lives: [Life] = []
    private var byPID: [UInt32: Int] = [:]
    private let started: UInt64

    init(_ survey: NodeSurvey, started: UInt64) {
        self.started = started
        for (key, workload) in survey.workloads {
            for sidecar in workload.sidecars {
                for pid in sidecar.pids { byPID[pid] = lives.count }
                lives.append(Life(key: key, sidecar: sidecar, pids: Set(sidecar.pids)))
            }
        }
    }

    mutating func forked(_ child: UInt32, from parent: UInt32) {
        guard let index = byPID[parent] else { return }
        byPID[child] = index
        lives[index].pids.insert(child)
    }

    mutating func exited(_ pid: UInt32, time: UInt64) {
        guard let index = byPID.removeValue(forKey: pid) else { return }
        lives[index].pids.remove(pid)
        guard lives[index].pids.isEmpty else { return }
        lives[index].absentSince = time
        lives[index].evidence.append(Evidence("sched_process_exit", "pid \(pid) ended\(after(time))"))
    }

    /// Whether a sidecar of the workload has gone.
    func isWaiting(_ key: WorkloadKey) -> Bool { lives.contains { $0.key == key && $0.absentSince != nil } }

    /// Whether this program takes the place of one that has gone.
    mutating func returns(
        _ pid: UInt32, _ key: WorkloadKey, program: String, container: String?, time: UInt64
    ) -> Bool {
        guard
            let index = lives.firstIndex(where: {
                $0.key == key && $0.absentSince != nil && $0.sidecar.process == program
            })
        else { return false }
        lives[index].absent += time - min(time, lives[index].absentSince!)
        lives[index].absentSince = nil
        lives[index].restarts += 1
        lives[index].pids = [pid]
        lives[index].evidence.append(Evidence("sched_process_exec", "pid \(pid) took its place\(after(time))"))
        byPID[pid] = index
        return true
    }

    private func after(_ time: UInt64) -> String {
        time < started ? " before the window" : " \(durationText(time - started)) into the window"
    }

    mutating func finish(_ last: NodeSurvey, time: UInt64) {
        for index in lives.indices {
            guard let since = lives[index].absentSince else { continue }
            // A pod that has ended with it misses nothing.
            guard let workload = last.workloads[lives[index].key], workload.processes > 0 else { continue }
            // Its first program may have been of another name.
            lives[index].absent += time - min(time, since)
        }
    }

    /// Those of a workload: as they are at the end, and those that have gone.
    func sidecars(of key: WorkloadKey, _ last: NodeSurvey) -> [Sidecar] {
        var present = last.workloads[key]?.sidecars ?? []
        for life in lives where life.key == key {
            let index = present.firstIndex { sidecar in
                !life.pids.isDisjoint(with: sidecar.pids) || sidecar.pid == life.sidecar.pid
            }
            var sidecar = index.map { present[$0] } ?? life.sidecar
            sidecar.life.absent = life.absent
            sidecar.life.restarts = life.restarts
            sidecar.life.evidence += life.evidence
            if let index {
                present[index] = sidecar
            } else if let other = present.firstIndex(where: {
                $0.container == sidecar.container && $0.pid != sidecar.pid
            }) {
                // Another has its place, whose start was not recognised.
                present[other].life.restarts += 1
                present[other].life.evidence += life.evidence
            } else {
                sidecar.pids = []
                sidecar.threads = 0
                present.append(sidecar)
            }
        }
        return present
    }

    func addKills(_ sidecar: inout Sidecar, _ first: ResourceReader.Reading?, _ last: ResourceReader.Reading) {
        guard let kills = last.oomKills else { return }
        let before = min(first?.oomKills ?? 0, kills)
        sidecar.life.oomKills = kills - before
        sidecar.life.oomKillsBefore = before
        let file = last.files.last { $0.contains("memory.events") || $0.contains("memory.oom_control") }
        if let file { sidecar.life.evidence.append(Evidence(file, "oom_kill \(kills), \(before) before the window")) }
    }
}
