/** The details of the item under the pointer, or of the selected one. */
import { formatCount, formatCountOf } from '../../../base/units.ts';
import { type Element, element } from './browser.ts';
import { hexDump } from './hex.ts';
import type { Item, Lane } from './model.ts';
import { inUnit } from './scale.ts';

const arrow = { client: '→ client', server: '← server' } as const;
const time = (nanos: number): string => inUnit('time', nanos);

export function showDetails(place: Element, item: Item | null, lane: Lane | null): void {
  if (item === null || lane === null) {
    place.replaceChildren(
      element('p', 'hint', 'Point at a chunk or a frame to see its bytes; click to keep it here.'),
    );
    return;
  }
  const facts = element('dl');
  for (const [name, value] of factsOf(item, lane)) {
    if (value !== '') facts.append(element('dt', '', name), element('dd', '', value));
  }
  const about = element('div', 'about');
  about.append(element('h3', `kind ${item.kind}`, titleOf(item)), facts);
  if (item.kind === 'gap' || item.kind === 'fault') {
    place.replaceChildren(about);
    return;
  }
  const bytes = element('div', 'bytes');
  bytes.append(element('pre', '', hexDump(item.bytes, item.position)));
  const more = item.end - item.position - item.bytes.length;
  if (more > 0) bytes.append(element('p', 'hint', `${formatCountOf(more, 'byte')} more, not in this page`));
  place.replaceChildren(about, bytes);
}

function titleOf(item: Item): string {
  const from = arrow[item.side];
  if (item.kind === 'frame')
    return `${from} · frame #${item.number}${item.label === '' ? '' : ` · ${item.label}`}`;
  if (item.kind === 'chunk') return `${from} · chunk ${item.at + 1}`;
  if (item.kind === 'gap') return `${from} · gap`;
  return `${from} · fault: ${item.code}`;
}

function factsOf(item: Item, lane: Lane): [name: string, value: string][] {
  switch (item.kind) {
    case 'frame':
      return [
        ['position', formatCount(item.position)],
        ['length', `${formatCount(item.head)} head + ${formatCountOf(item.length, 'byte')} of body`],
        ['carried by', carriedBy(item.chunks, item.firstShared, item.lastShared)],
        ['began', time(item.captured)],
        [
          'whole',
          `${time(item.time)}${item.time > item.captured ? `, ${time(item.time - item.captured)} later` : ''}`,
        ],
        [
          'packets',
          item.firstPacket === item.lastPacket
            ? String(item.firstPacket)
            : `${item.firstPacket} to ${item.lastPacket}`,
        ],
        ['missing', item.missing > 0 ? `${formatCountOf(item.missing, 'byte')}: ${item.state}` : ''],
      ];
    case 'chunk': {
      const held = item.to - item.from;
      const first = lane.frames[item.from];
      const last = lane.frames[item.to - 1];
      const which = first === last ? `#${first?.number}` : `#${first?.number} to #${last?.number}`;
      return [
        ['position', formatCount(item.position)],
        ['length', formatCountOf(item.end - item.position, 'byte')],
        ['carries', held === 0 ? '' : `${formatCountOf(held, 'frame')} or parts of them: ${which}`],
        ['captured', time(item.captured)],
        ['deliverable', item.time > item.captured ? `${time(item.time)}: it came out of order` : ''],
        ['packet', String(item.packet)],
      ];
    }
    case 'gap':
      return [
        ['position', formatCount(item.position)],
        ['length', formatCountOf(item.end - item.position, 'byte')],
        ['why', item.reason],
      ];
    case 'fault':
      return [
        ['position', formatCount(item.position)],
        ['what', item.message],
        ['known at', time(item.time)],
        ['packet', String(item.packet)],
      ];
  }
}

function carriedBy(chunks: number, first: number, last: number): string {
  if (chunks === 1) {
    return first === 0 ? 'a chunk of its own' : `one chunk, glued to ${formatCountOf(first, 'other frame')}`;
  }
  const shared = [
    first > 0 ? `the first shared with ${formatCount(first)}` : '',
    last > 0 ? `the last shared with ${formatCount(last)}` : '',
  ].filter((each) => each !== '');
  return [`cut over ${formatCountOf(chunks, 'chunk')}`, ...shared].join(', ');
}
