/** Reads Prometheus' text format, strictly: what it cannot read is thrown. */

export interface Scraped {
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  /** The value of the one series of that name without labels. */
  readonly value: (name: string) => number;
  /** The values of all series of that name, by their labels as written. */
  readonly all: (name: string) => Record<string, number>;
}

const sample =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;
const comment = /^# (HELP|TYPE) (\S+) (.*)$/;

export function scraped(text: string): Scraped {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line');
  const families = new Map<string, { type: string; help: string }>();
  const series = new Map<string, Map<string, number>>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, about, rest] = comment.exec(line) ?? [];
    if (keyword !== undefined) {
      const family = families.get(about!) ?? { type: '', help: '' };
      families.set(about!, { ...family, [keyword.toLowerCase()]: rest });
      continue;
    }
    const [, name, labels = '', written] = sample.exec(line) ?? [];
    const value = Number(written === '+Inf' ? Number.POSITIVE_INFINITY : written);
    if (name === undefined || Number.isNaN(value)) throw new Error(`no line of Prometheus': ${line}`);
    const family = name.replace(/_(bucket|sum|count)$/, '');
    if (!families.has(name) && !families.has(family)) throw new Error(`${name} has no help`);
    const of = series.get(name) ?? new Map<string, number>();
    if (of.has(labels)) throw new Error(`twice: ${line}`);
    series.set(name, of.set(labels, value));
  }
  const all = (name: string) => Object.fromEntries(series.get(name) ?? []);
  return {
    families,
    all,
    value: (name) => {
      const value = series.get(name)?.get('');
      if (value === undefined) throw new Error(`there is no ${name}`);
      return value;
    },
  };
}
