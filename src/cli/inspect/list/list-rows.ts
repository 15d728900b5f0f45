/**
 * The rows of a list of conversations.
 *
 * ```text
 *  161 columns, or not a terminal   a line each, with all there is to say
 *  68 columns                       a line each, with the columns that fit
 *  fewer                            its ends, and below them in words the rest
 * ```
 */
import { formatCount, formatCountOf, formatNanos } from '../../../base/units.ts';
import { isoTime } from '../../../capture/inspect/words.ts';
import type { Paint } from '../../shared/color.ts';
import { cutTo, fitted, printable } from '../../shared/format.ts';
import { arrow } from '../rows.ts';
import { wrapped } from '../words.ts';
import { fittingTable } from './fitting-table.ts';
import { durationOf, type Listed, type ListedSide } from './listed.ts';

export interface ListRows {
  /** The names of the columns; null where rows are words. */
  readonly names: string | null;
  /** A row, which may have several lines. */
  row(listed: Listed): string;
}

/** How far the lines below its first are from the left. */
const INDENT_COLUMNS = 4;

/** @param columns of the terminal; undefined when stdout is none. */
export function createListRows(columns: number | undefined, paint: Paint): ListRows {
  const painted = (listed: Listed, row: string): string => (listed.faults > 0 ? paint('fault', row) : row);
  if (columns === undefined || columns >= NAMES.length) {
    return { names: paint('names', NAMES), row: (listed) => painted(listed, lineIn(listed, columns)) };
  }
  const table = fittingTable(columns);
  if (table === null) return { names: null, row: (listed) => painted(listed, inWords(listed, columns)) };
  return { names: paint('names', table.names), row: (listed) => painted(listed, table.row(listed)) };
}

const startOf = ({ conversation }: Listed): string =>
  `${isoTime(conversation.startedAt).slice(0, 26).replace('T', ' ')}Z`;

const cells = (
  [number, protocol, client, server, start]: readonly string[],
  numbers: readonly string[],
): string => {
  const widths = [9, 13, 13, 9, 9, 7, 6];
  const ends = `${client!.padEnd(21)} ${server!.padEnd(21)}`;
  const beginning = `${number!.padStart(6)}  ${protocol!.padEnd(11)} ${ends} ${start!.padEnd(27)}`;
  return [beginning, ...numbers.map((each, at) => each.padStart(widths[at]!))].join(' ').trimEnd();
};

const NAMES = cells(
  ['number', 'protocol', 'client', 'server', 'start (UTC)'],
  ['duration', 'bytes →', 'bytes ←', 'frames →', 'frames ←', 'faults', 'gaps'],
);

/** Addresses are whole where there is room, and always if stdout is no terminal. */
function lineIn(listed: Listed, columns = Number.POSITIVE_INFINITY): string {
  const { client, server } = listed.conversation;
  const line = inLine(listed, client, server);
  return line.length <= columns ? line : cutTo(inLine(listed, shortened(client), shortened(server)), columns);
}

const shortened = (address: string): string => fitted(address, 21);

function inLine(listed: Listed, clientName: string, serverName: string): string {
  const { conversation, protocol, client, server, faults, gaps } = listed;
  return cells(
    [`#${conversation.index}`, protocol ?? '-', clientName, serverName, startOf(listed)],
    [
      formatNanos(durationOf(listed)),
      ...[client.bytes, server.bytes, client.frames, server.frames, faults, gaps].map(formatCount),
    ],
  );
}

function inWords(listed: Listed, columns: number): string {
  const { conversation, protocol, client, server, faults, gaps } = listed;
  const ends = `${printable(conversation.client)} ${arrow.client} ${printable(conversation.server)}`;
  const head = `#${conversation.index}  ${protocol ?? '-'}  `;
  const facts = [
    startOf(listed),
    `for ${formatNanos(durationOf(listed))}`,
    `${arrow.client} ${side(client, protocol)}`,
    `${arrow.server} ${side(server, protocol)}`,
    ...(faults > 0 ? [formatCountOf(faults, 'fault')] : []),
    ...(gaps > 0 ? [formatCountOf(gaps, 'gap')] : []),
  ];
  const first =
    head.length + ends.length <= columns ? [`${head}${ends}`] : [head.trimEnd(), ...indented(ends, columns)];
  return [...first, ...packed(facts, columns)].join('\n');
}

/** Texts in lines of so many columns, none of them broken that fits. */
function packed(texts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const text of texts) {
    const line = `${lines.at(-1) ?? ''}  ${text}`;
    if (lines.length > 0 && line.length <= columns) lines[lines.length - 1] = line;
    else lines.push(...indented(text, columns));
  }
  return lines;
}

const indented = (text: string, columns: number): string[] =>
  wrapped(text, columns - INDENT_COLUMNS).map(
    (line) => `${' '.repeat(INDENT_COLUMNS)}${cutTo(line, columns - INDENT_COLUMNS)}`,
  );

const side = ({ bytes, frames }: ListedSide, protocol: string | null): string =>
  `${formatCountOf(bytes, 'byte')}${protocol === null ? '' : `, ${formatCountOf(frames, 'frame')}`}`;
