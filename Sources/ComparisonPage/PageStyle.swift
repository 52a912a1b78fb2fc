// SPDX-License-Identifier: Apache-2.0

/// Colours that people who are colour-blind tell apart, on a light ground and on a dark one.
let pageStyle: HTML = """
    :root { --ground: #fff; --ink: #1b1f24; --faint: #57606a; --rule: #d0d7de; --sidecar: #b3541e; --ebpf: #0b63a5; \
    --direct: #6e7781; }
    @media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #e6edf3; --faint: #9aa4ae; --rule: #30363d; \
    --sidecar: #f0965a; --ebpf: #58a6ff; --direct: #8b949e; } }
    body { background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; max-width: 960px; \
    margin: 2rem auto; padding: 0 1rem; }
    h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
    .facts, figcaption, .limits, .none { color: var(--faint); }
    table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
    th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--rule); }
    td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .rows td { width: 44%; } .rows ul { margin: 0; padding-left: 1.1rem; } .rows p { margin: 0; }
    .lines li:first-child { font-weight: 600; } .limits { list-style: "\\2212\\00a0"; font-size: .9em; }
    .sidecar-head { border-bottom: 3px solid var(--sidecar); } .ebpf-head { border-bottom: 3px solid var(--ebpf); }
    figure { margin: 0; } svg { width: 100%; height: auto; font-size: 12px; } .pair { display: flex; flex-wrap: wrap; gap: 1rem; }
    .pair > div { flex: 1 1 380px; } .pair p { margin: 0; }
    .label { fill: var(--faint); } .name { fill: var(--ink); } .grid { stroke: var(--rule); }
    rect.sidecar, circle.sidecar { fill: var(--sidecar); } rect.ebpf, circle.ebpf { fill: var(--ebpf); }
    .only { opacity: .35; }
    polyline { fill: none; stroke-width: 2; } polyline.sidecar { stroke: var(--sidecar); } polyline.ebpf { stroke: var(--ebpf); }
    polyline.direct { stroke: var(--direct); stroke-dasharray: 6 3; } .trend { stroke-width: 1.5; opacity: .7; }
    .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; } .key.sidecar { background: var(--sidecar); }
    .key.ebpf { background: var(--ebpf); } .key.direct { background: var(--direct); }
    summary { cursor: pointer; } @media print { details { display: block; } }
    """
