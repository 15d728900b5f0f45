/** The tables in the documents that are made from the code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { of, Subject } from 'rxjs';
import { settingsTable } from '../../src/cli/settings/print.ts';
import { exitStatusHelp } from '../../src/cli/shared/exit-status.ts';
import { serviceFault } from '../../src/files/protocol/errors.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { createMetrics } from '../../src/server/metrics/metrics.ts';
import type { DeliveryReport } from '../../src/server/sinks/sink.ts';
import type { ChangeLogStatus } from '../../src/store/changes/change-log.ts';
import type { EnginesStatus } from '../../src/store/s3/engines-status.ts';
import { presetList } from '../../src/wire/presets.ts';
import { root, textOf } from './readme.ts';

type Row = readonly string[];

/** A table in Markdown, with its headings first. A cell may have a `|`. */
function table(headings: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The program with all of its subcommands, as `main.ts` names them. */
export async function commandLine(): Promise<Command> {
  const program = new Command('sluice');
  const imports = textOf('src/cli/main.ts').matchAll(/import\('\.\/(.+?)'\)\)\.(add\w+)/g);
  for (const [, file, name] of imports) {
    const path = join(root, 'src/cli', file!);
    if (!existsSync(path)) throw new Error(`main.ts imports ${path}, which is not there`);
    (await import(path))[name!](program);
  }
  return program;
}

async function subcommandTable(): Promise<string> {
  const { commands } = await commandLine();
  const rows = commands.map((each) => [
    `\`sluice ${each.name()} ${each.usage().replace('[options]', '').trim()}`.trim().concat('`'),
    each.summary() || each.description(),
  ]);
  return table(['command', 'what it does'], rows);
}

/** The options that may come from the environment. */
async function environmentTable(): Promise<string> {
  const { commands } = await commandLine();
  const options = commands.flatMap((command) => command.options.filter(({ envVar }) => envVar !== undefined));
  const byVariable = new Map(options.map((option) => [option.envVar!, option]));
  return table(
    ['option', 'environment', 'what it is'],
    [...byVariable].map(([variable, { flags, description }]) => [
      `\`${flags}\``,
      `\`${variable}\``,
      variable === 'SLUICE_SERVER' ? 'the server' : description,
    ]),
  );
}

function statusTable(): string {
  const unwrapped = exitStatusHelp.replace(/\n {5,}/g, ' ');
  const rows = [...unwrapped.matchAll(/^ {2}(\d[\d, ]*) {2}(.*)$/gm)];
  return table(
    ['status', 'meaning'],
    rows.map(([, status, meaning]) => [status!, meaning!]),
  );
}

function presetTable(): string {
  return table(
    ['preset', 'protocol', 'ports', 'document'],
    presetList.map(({ name, title, ports, source }) => [`\`${name}\``, title, ports.join(', '), source]),
  );
}

const IDLE_ENGINES: EnginesStatus = {
  postgresql: { connections: 0, busy: 0, waiting: 0, isUp: null, latencyMs: null },
  s3: {
    connections: 0,
    waiting: 0,
    isUp: null,
    latencyMs: null,
    requests: { PUT: 0, GET: 0, DELETE: 0, LIST: 0 },
  },
  memoryBytes: 0,
  garbage: null,
};

/** The metrics after one event of each kind that has labels, since labels show only with a value. */
const IDLE_LOG: ChangeLogStatus = {
  ...{ bytes: 0, maxBytes: 0, last: 0, dropped: 0, fault: null },
  sinks: [{ sink: 'webhook', at: 0, pending: 0, oldest: null, deadLetters: 0 }],
};
const DELIVERY: DeliveryReport = {
  ...{ type: 'delivered', sink: 'webhook', attempt: 1 },
  event: { id: '1', sequence: 1, type: 'stored', name: 'a', size: 1, time: 0 },
};

async function metricsTable(): Promise<string> {
  const events$ = new Subject<ServerEvent>();
  const metrics = await createMetrics({
    events$,
    stats: () => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 }),
    unfinished: () => ({ count: 0, bytes: 0 }),
    engines: () => IDLE_ENGINES,
    deliveries: { status: async () => IDLE_LOG, reports$: of(DELIVERY) },
  });
  if (!metrics.ok) throw new Error(metrics.error.message);
  const where = { connection: '1', remote: { host: '127.0.0.1', port: 1 } } as never as {
    connection: string;
  };
  const answered = { ...where, request: 0, ms: 1 };
  for (const event of [
    { type: 'closed', ...where, fault: null },
    { type: 'turned-away', ...where, code: 'too-many-connections' },
    { type: 'served', ...answered, cmd: 'ping' },
    { type: 'refused', ...answered, cmd: 'get', error: serviceFault('not-found', 'no such file') },
  ])
    events$.next(event as never as ServerEvent);
  const text = await metrics.value.text();
  metrics.value.stop();
  const kinds = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind!]));
  const labelsOf = (name: string) => {
    const [, labels = ''] = new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'm').exec(text) ?? [];
    return [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== 'le');
  };
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [
    `\`${name}\``,
    kinds.get(name!)!,
    labelsOf(name!)
      .map((label) => `\`${label}\``)
      .join(', '),
    help!,
  ]);
  return table(['metric', 'kind', 'labels', 'what it is'], rows);
}

/** By the name that stands in a document: `<!-- generated: settings -->`, the table, `<!-- end -->`. */
export const generators: Readonly<Record<string, () => string | Promise<string>>> = {
  settings: settingsTable,
  metrics: metricsTable,
  subcommands: subcommandTable,
  environment: environmentTable,
  statuses: statusTable,
  presets: presetTable,
};

const PLACE = /(<!-- generated: (\S+) -->\n)([\s\S]*?)(<!-- end -->)/g;

/** The names of the tables in a text. */
export const tablesIn = (text: string): readonly string[] =>
  [...text.matchAll(PLACE)].map(([, , name]) => name!);

/** The text of a document with all of its tables made anew. */
export async function withTables(text: string): Promise<string> {
  const tables = new Map<string, string>();
  for (const name of tablesIn(text)) {
    const make = generators[name];
    if (make === undefined) throw new Error(`there is no table '${name}'`);
    tables.set(name, await make());
  }
  return text.replace(PLACE, (_, begin, name, __, end) => `${begin}\n${tables.get(name)}\n\n${end}`);
}
