/** The HTML of the page. It has nothing of the capture, which the script adds. */

const lane = (side: 'client' | 'server', kind: 'chunks' | 'frames'): string =>
  kind === 'chunks'
    ? `<div class="lane" id="${side}-chunks-lane"><b>${side === 'client' ? '→ client' : '← server'}</b><span id="${side}-chunks"></span></div>`
    : `<div class="lane" id="${side}-frames-lane"><span id="${side}-frames"></span><small id="${side}-counts"></small></div>`;

export const body = `
<header>
  <h1 id="name"></h1>
  <p id="sum"></p>
  <div id="notes"></div>
</header>
<nav id="conversations" aria-label="conversations"></nav>
<main id="main" hidden>
  <div>
    <h2 id="title"></h2>
    <p id="about"></p>
  </div>
  <div class="tools">
    <div class="group" role="group" aria-label="scale">
      <button type="button" id="by-bytes" aria-pressed="true" title="by position (b)">bytes</button>
      <button type="button" id="by-time" aria-pressed="false" title="by time (t)">time</button>
    </div>
    <div class="group" role="group" aria-label="zoom">
      <button type="button" id="zoom-out" title="zoom out (-)" aria-label="zoom out">−</button>
      <button type="button" id="zoom-in" title="zoom in (+)" aria-label="zoom in">+</button>
      <button type="button" id="zoom-fit" title="see all of it (0)">all</button>
    </div>
    <span id="span" class="hint"></span>
    <div class="find" role="search">
      <input id="query" type="search" placeholder="label, text, 16 03 01, #12" aria-label="search" autocomplete="off" spellcheck="false">
      <div class="group">
        <button type="button" id="previous-hit" aria-label="previous hit">↑</button>
        <button type="button" id="next-hit" aria-label="next hit">↓</button>
      </div>
      <span id="hits" role="status"></span>
    </div>
  </div>
  <div class="drawing">
    <div class="lanes">
      ${lane('client', 'chunks')}
      ${lane('client', 'frames')}
      ${lane('server', 'chunks')}
      ${lane('server', 'frames')}
    </div>
    <canvas id="canvas" tabindex="0" role="img"></canvas>
  </div>
  <ul class="legend">
    <li><i class="chunk"></i>chunk, as TCP delivered it</li>
    <li><i class="frames"></i>frames, as they were meant; the head is darker</li>
    <li><i class="glued"></i>several frames in a chunk: glued</li>
    <li><i class="cut"></i>a frame in several chunks: cut</li>
    <li><i class="gap"></i>not in the recording</li>
    <li><i class="fault"></i>framing lost</li>
  </ul>
  <section id="details" aria-live="polite" aria-label="details"></section>
  <p class="hint">
    <kbd>wheel</kbd> <kbd>+</kbd> <kbd>-</kbd> zoom · drag, <kbd>←</kbd> <kbd>→</kbd> move · <kbd>0</kbd> all ·
    <kbd>n</kbd> <kbd>p</kbd> next, previous · <kbd>b</kbd> <kbd>t</kbd> by bytes, by time · <kbd>/</kbd> search ·
    a search looks at labels, numbers, faults and the bytes that are in this page
  </p>
</main>
<noscript>This page draws with JavaScript, which is switched off.</noscript>
`;
