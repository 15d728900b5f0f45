/**
 * A bar of progress as a line of text, for terminals of 20 columns and more:
 *
 *   film.mkv ████████▓▓▓░░░░░░  42%  430 MiB 30.0 MiB/s, 0:06 left, from 410 MiB on
 *
 * Where there is little room the bar shrinks first, until there is none; then fields go, one after the other. A name is
 * cut in the middle. A counter is never cut, since half a number is another number.
 */
import { formatBytes } from '../../../base/units.ts';
import { fitted, formatSeconds } from '../../shared/format.ts';

const BAR_MAX_COLUMNS = 24;
/** Columns below which a bar shows nothing. */
const BAR_MIN_COLUMNS = 4;
const LABEL_MAX_COLUMNS = 40;
const LABEL_MIN_COLUMNS = 8;
/** The longest text of `formatBytes`. */
const BYTES_COLUMNS = 8;
/** The longest fields, with a space before each: percent, bytes, and `BYTES/s, 99:59:59 left`. */
const FIELDS_COLUMNS = 5 + (1 + BYTES_COLUMNS) + (1 + BYTES_COLUMNS + 17);
/** `, from BYTES on`. */
const FROM_COLUMNS = BYTES_COLUMNS + 10;

export interface BarFacts {
  readonly label: string;
  /** The label counts: `257/2000 files`. Else it is a name. */
  readonly counts?: boolean;
  readonly value: number;
  /** How much of it is durable on the other side, if that is known. */
  readonly durable?: number | undefined;
  readonly total: number;
  /** How much of it will never be there, as its files have failed. */
  readonly lost?: number;
  /** Bytes a second. */
  readonly rate: number;
  /** How much of it was there already when it was resumed; 0 when it began from the start. */
  readonly from?: number;
  /** Shown instead of rate and time left. Its first word alone must make sense where there is little room. */
  readonly note?: string;
}

/** Column widths that several bars share, so that they are in line. */
export interface BarColumns {
  /** Columns that their labels need at least. */
  readonly label: number;
  /** Whether some of them show where they were resumed. */
  readonly from: boolean;
}

const columnsOf = ({ label, counts, from = 0 }: BarFacts): BarColumns => ({
  label: counts ? label.length : LABEL_MIN_COLUMNS,
  from: from > 0,
});

/** One bar as text, narrower than `columns`: a terminal may clear the last one. */
export function drawBar(facts: BarFacts, columns: number, common = columnsOf(facts)): string {
  const { label, counts } = facts;
  const room = columns - 1;
  const free = room - FIELDS_COLUMNS - (common.from ? FROM_COLUMNS : 0) - 1;
  const least = Math.max(common.label, LABEL_MIN_COLUMNS);
  const wanted = Math.max(Math.min(free - BAR_MAX_COLUMNS, LABEL_MAX_COLUMNS), least);
  const bar = barOf(facts, Math.min(free - wanted, BAR_MAX_COLUMNS));
  if (counts) {
    const inLine = label.padEnd(wanted) + bar;
    // Without room the counter loses its noun.
    const short = label.length > room ? label.split(' ')[0]! : label;
    return inLine.length > room || bar === ''
      ? short + fieldsIn(room - short.length, facts)
      : inLine + fieldsIn(room - inLine.length, facts);
  }
  // A name gives way to the last of the fields.
  const fields = fieldsIn(room - wanted - bar.length, facts) || fieldsIn(room - LABEL_MIN_COLUMNS, facts);
  return fitted(label, Math.min(wanted, room - bar.length - fields.length)) + bar + fields;
}

function barOf({ value, durable = value, total }: BarFacts, columns: number): string {
  if (columns < BAR_MIN_COLUMNS) return '';
  const full = Math.round(shareOf(value, total) * columns);
  // Bytes that are sent and not durable yet are drawn lighter.
  const firm = total > 0 ? Math.min(Math.round((durable / total) * columns), full) : full;
  return ` ${'█'.repeat(firm)}${'▓'.repeat(full - firm)}${'░'.repeat(columns - full)}`;
}

const shareOf = (value: number, total: number): number => (total > 0 ? Math.min(value / total, 1) : 1);

/**
 * As many fields as there is room for, in line with those of other bars if possible. The least useful fields go first.
 */
function fieldsIn(room: number, { value, total, lost = 0, rate, note, from = 0 }: BarFacts): string {
  const percent = `${Math.floor(shareOf(value, total) * 100)}%`.padStart(4);
  const bytes = formatBytes(value).padStart(BYTES_COLUMNS);
  const left = `${formatSeconds((total - lost - value) / rate)} left`;
  const pace = note ?? `${formatBytes(rate)}/s, ${left}`;
  const short = note?.split(' ')[0] ?? left;
  const choices = [
    ...(from > 0 ? [[percent, bytes, `${pace}, from ${formatBytes(from)} on`]] : []),
    [percent, bytes, pace],
    [percent, pace],
    [percent, short],
    [note === undefined ? percent : short],
  ];
  const written = (fields: readonly string[]) => fields.map((field) => ` ${field}`).join('');
  return (
    choices
      .flatMap((fields) => [written(fields), written(fields.map((field) => field.trimStart()))])
      .find(({ length }) => length <= room) ?? ''
  );
}
