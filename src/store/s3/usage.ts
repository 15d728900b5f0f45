/** Quotas, which the database counts: the bytes below each prefix, for all nodes together. */
import type { Quota } from '../quota/quota-state.ts';
import type { Database } from './postgres/database.ts';
import type { Statements } from './postgres/statements.ts';

/** The rules that hold for a name, as the functions of the database take them. */
export interface RulesFor {
  readonly prefixes: readonly string[];
  readonly limits: readonly number[];
}

export interface ServedUsage {
  /** The rules for a name. Prefixes that are new are counted first. */
  rulesFor(name: string, quotas: readonly Quota[]): Promise<RulesFor>;
}

const NO_RULES: RulesFor = { prefixes: [], limits: [] };

export function createUsage(database: Database, statements: Statements): ServedUsage {
  /** Prefixes that the database counts, as far as this node has seen: it never stops. */
  const counted = new Set<string>();
  return {
    async rulesFor(name, quotas) {
      if (quotas.length === 0) return NO_RULES;
      const rules = quotas.filter(({ prefix }) => name.startsWith(prefix));
      if (rules.length === 0) return NO_RULES;
      const prefixes = rules.map(({ prefix }) => prefix);
      const uncounted = prefixes.filter((prefix) => !counted.has(prefix));
      if (uncounted.length > 0) {
        await database.slowly(statements.countUsage, [uncounted.sort()]);
        for (const prefix of uncounted) counted.add(prefix);
      }
      return { prefixes, limits: rules.map(({ bytes }) => bytes) };
    },
  };
}
