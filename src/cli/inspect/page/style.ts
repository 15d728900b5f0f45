/** How the page looks: CSS, with the colours that the drawing uses as well. */

export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2330; --faint: #66707f; --line: #e3e7ec; --edge: #d3d9e1;
  --lane: #eef1f5; --chunk: #ffffff; --chunk-edge: #8a95a5; --accent: #2463eb; --mark: #111827;
  --client-a: #2f6fde; --client-b: #5b93f0; --server-a: #0b8f7a; --server-b: #35b29c; --on-frame: #ffffff;
  --glued: #d97706; --cut: #c026d3; --fault: #dc2626; --on-fault: #ffffff; --wash: #dc262618; --gap: #7c8694;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #161c24; --text: #e6eaf0; --faint: #94a0b0; --line: #232c37; --edge: #2f3a47;
    --lane: #1d252f; --chunk: #2a3441; --chunk-edge: #71809a; --accent: #6ea0ff; --mark: #ffffff;
    --client-a: #2d63c4; --client-b: #4a80dd; --server-a: #0c7a69; --server-b: #23957f; --on-frame: #ffffff;
    --glued: #f0a028; --cut: #e879f9; --fault: #f87171; --on-fault: #2b0b0b; --wash: #f8717122; --gap: #6d7989;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template: auto 1fr / 290px 1fr; background: var(--page); color: var(--text);
  font: 14px/1.45 ui-sans-serif, system-ui, sans-serif;
}
header {
  grid-column: 1 / -1; padding: 12px 20px; background: var(--card); border-bottom: 1px solid var(--edge);
  display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline;
}
h1 { font-size: 17px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
h3 { font-size: 14px; margin: 0 0 6px; overflow-wrap: anywhere; }
#sum, #about, .hint { color: var(--faint); margin: 0; }
#notes { flex-basis: 100%; }
.note {
  margin: 4px 0 0; padding: 5px 10px; border-left: 3px solid var(--glued); background: var(--lane);
  border-radius: 4px; overflow-wrap: anywhere;
}
nav { overflow-y: auto; padding: 10px; border-right: 1px solid var(--edge); display: flex; flex-direction: column; gap: 4px; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; background: var(--card); border: 1px solid var(--edge); border-radius: 6px; padding: 4px 11px; }
button:hover { border-color: var(--faint); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
button[aria-pressed='true'] { background: var(--accent); border-color: var(--accent); color: var(--card); }
.conversation { text-align: left; display: grid; gap: 2px; padding: 8px 10px; border-color: transparent; background: transparent; }
.conversation[aria-current='true'] { background: var(--card); border-color: var(--accent); }
.ends { font-weight: 600; font-size: 13px; overflow-wrap: anywhere; }
.conversation .sum { color: var(--faint); font-size: 12.5px; }
.badges { display: flex; flex-wrap: wrap; gap: 4px; }
.badge { font-size: 11px; padding: 0 6px; border-radius: 9px; border: 1px solid currentColor; }
.badge.glued { color: var(--glued); } .badge.cut { color: var(--cut); }
.badge.gap { color: var(--faint); } .badge.fault { color: var(--fault); }
main { padding: 16px 20px; overflow: auto; min-width: 0; }
main { display: flex; flex-direction: column; gap: 12px; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; }
.group { display: flex; align-items: center; }
.group button { border-radius: 0; margin-left: -1px; }
.group button:first-child { border-radius: 6px 0 0 6px; margin: 0; }
.group button:last-child { border-radius: 0 6px 6px 0; }
.find { margin-left: auto; display: flex; gap: 6px; align-items: center; }
#query { width: 230px; padding: 4px 10px; border: 1px solid var(--edge); border-radius: 6px; background: var(--card); }
#hits { color: var(--faint); min-width: 84px; font-variant-numeric: tabular-nums; }
.drawing {
  display: grid; grid-template-columns: 156px minmax(0, 1fr); background: var(--card);
  border: 1px solid var(--edge); border-radius: 8px; padding: 8px 12px 8px 0;
}
.lanes { position: relative; }
.lane { position: absolute; left: 14px; right: 10px; display: flex; flex-direction: column; justify-content: center; line-height: 1.25; font-size: 12.5px; }
.lane b { font-size: 13px; }
.lane small { color: var(--faint); font-size: 11.5px; }
canvas { width: 100%; display: block; cursor: grab; touch-action: none; border-radius: 4px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--faint); font-size: 12.5px; margin: 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 16px; height: 11px; margin-right: 6px; border-radius: 2px; vertical-align: -1px; }
.legend .chunk { background: var(--chunk); border: 1px solid var(--chunk-edge); }
.legend .frames { background: linear-gradient(90deg, var(--client-a) 50%, var(--client-b) 50%); }
.legend .glued { background: var(--chunk); border: 1px solid var(--chunk-edge); border-top: 4px solid var(--glued); }
.legend .cut { background: var(--client-a); border-bottom: 4px solid var(--cut); }
.legend .gap { background: repeating-linear-gradient(135deg, var(--gap) 0 2px, transparent 2px 5px); }
.legend .fault { background: var(--fault); }
#details {
  background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; min-height: 190px;
  display: flex; flex-wrap: wrap; gap: 10px 36px; align-content: flex-start;
}
.about { flex: 1 1 300px; min-width: 0; }
.bytes { flex: 0 1 auto; min-width: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 1px 14px; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre { margin: 0; font: 12.5px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; overflow-x: auto; }
kbd { font: 11.5px ui-monospace, monospace; border: 1px solid var(--edge); border-radius: 4px; padding: 0 4px; background: var(--card); }
@media (max-width: 800px) {
  body { grid-template: auto auto 1fr / 1fr; height: auto; }
  nav { max-height: 180px; border-right: 0; border-bottom: 1px solid var(--edge); }
  .find { margin-left: 0; }
}
`;
