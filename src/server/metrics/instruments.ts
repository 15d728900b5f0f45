/**
 * Metrics whose values are plain numbers elsewhere and are read only at a scrape.
 *
 * prom-client builds a string each time it counts by label; adding 1 to a number costs a hundredth of that.
 */
import type { Counter, Gauge, Registry } from 'prom-client';

export type PromClient = typeof import('prom-client');

export interface Instruments {
  /** `read` returns the whole count so far. */
  readonly counter: (name: string, help: string, read: () => number) => void;
  /**
   * `read` may return a promise, which must not reject. `joined` says what the gauge of several processes is together;
   * default the sum.
   */
  readonly gauge: (
    name: string,
    help: string,
    read: () => number | Promise<number>,
    joined?: 'sum' | 'max' | 'min',
  ) => void;
  /**
   * A counter by one label or two; the returned function counts one. Every pair of values is stored for ever,
   * so the caller must use few of them.
   */
  readonly table: (
    name: string,
    help: string,
    labels: readonly [string, string?],
  ) => (one: string, other?: string) => void;
}

interface Cell {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
}

export function createInstruments(prom: PromClient, registry: Registry): Instruments {
  const registers = [registry];
  return {
    counter: (name, help, read) => {
      new prom.Counter({
        name,
        help,
        registers,
        collect(this: Counter) {
          this.reset();
          this.inc(read());
        },
      });
    },
    gauge: (name, help, read, joined = 'sum') => {
      new prom.Gauge({
        name,
        help,
        registers,
        aggregator: joined,
        async collect(this: Gauge) {
          this.set(await read());
        },
      });
    },
    table: (name, help, [first, second]) => {
      const rows = new Map<string, Map<string, Cell>>();
      new prom.Counter({
        name,
        help,
        labelNames: second === undefined ? [first] : [first, second],
        registers,
        collect(this: Counter) {
          this.reset();
          for (const row of rows.values()) {
            for (const { labels, count } of row.values()) this.inc(labels, count);
          }
        },
      });
      return (one, other = '') => {
        const row = rows.get(one) ?? new Map<string, Cell>();
        if (row.size === 0) rows.set(one, row);
        let cell = row.get(other);
        if (cell === undefined) {
          const labels = second === undefined ? { [first]: one } : { [first]: one, [second]: other };
          cell = { labels, count: 0 };
          row.set(other, cell);
        }
        cell.count++;
      };
    },
  };
}
