// How figures are shown: medians, plain tables, and a figure beside its target.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The number that so many of a hundred are not above. */
export function percentile(numbers, hundredths) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * hundredths) / 100) - 1)];
}

/** A number as one reads it: 1,234 or 12.3 or 0.123. */
export function shown(value) {
  if (typeof value !== 'number') return String(value ?? '');
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A size as one reads it: 256 MiB or 1 GiB. */
export function shownBytes(bytes) {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GiB'] : [2 ** 20, 'MiB'];
  return `${Number((bytes / unit).toFixed(2))} ${name}`;
}

/** Prints rows under their headings: the first column to the left, the others to the right. */
export function printTable(headings, rows) {
  const cells = [headings, ...rows.map((row) => row.map(shown))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const row of cells) {
    const line = row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[0])));
    console.log(`  ${line.join('  ').trimEnd()}`);
  }
}

/**
 * A figure for the final summary. `atLeast` or `atMost` is its target; without either it is only reported.
 *
 * @example figure('1 GiB, Sluice / nginx', 0.91, '×', { atLeast: 0.8 })
 */
export function figure(name, value, unit, { atLeast, atMost } = {}) {
  const target =
    atLeast === undefined ? (atMost === undefined ? '' : `<= ${shown(atMost)}`) : `>= ${shown(atLeast)}`;
  const ok = target === '' ? undefined : value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
  return { name, value, unit, target, ok };
}

/** How steady something is: the rate of its slowest run beside that of the median. */
export const steadiness = (what, seconds) =>
  figure(`${what}, rate of the slowest run / median`, median(seconds) / Math.max(...seconds), '×', {
    atLeast: 0.8,
  });

export function printSummary(figures) {
  const verdict = ({ ok }) => (ok === undefined ? '' : ok ? 'ok' : 'below target');
  const rows = figures.map((each) => [
    each.name,
    `${shown(each.value)} ${each.unit}`,
    each.target,
    verdict(each),
  ]);
  printTable(['figure', 'measured', 'target', ''], rows);
}
