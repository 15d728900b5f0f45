/** `sluice demo`: small services on the actor, to run and to read. */
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { catchError, firstValueFrom, lastValueFrom, type Observable, tap, throwError } from 'rxjs';
import { framed } from '../actor/framed/framed.ts';
import { type ActorsEvent, type ServeActorsOptions, serveActors } from '../actor/serve-actors.ts';
import { formatTrace, type TraceEvent } from '../actor/trace.ts';
import { chat } from '../demo/chat.ts';
import { dnsForwarder } from '../demo/dns-forwarder.ts';
import { tcpUpstream } from '../demo/dns-upstream.ts';
import { echo } from '../demo/echo.ts';
import { keyValues } from '../demo/key-values.ts';
import type { ConnectionError } from '../transport/connection-error.ts';
import { type ConnectTcpOptions, connectTcp, listenTcp } from '../transport/socket/tcp.ts';
import { lines } from '../wire/codecs/lines.ts';
import { exitError, usageError } from './shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from './shared/exit-status.ts';
import { listenExitError } from './shared/fault-words.ts';
import { printable } from './shared/format.ts';
import { portNumber } from './shared/option-parsers.ts';
import { createOutput, type Output } from './shared/output.ts';
import { parseServerAddress, type ServerAddress } from './shared/server-address.ts';
import { endingSignals } from './shared/signals.ts';

type DemoOptions = Pick<
  ServeActorsOptions<never, never, never, never, never, never, never>,
  'connections$' | 'shutdown$' | 'limits' | 'trace'
>;

interface Demo {
  readonly serve: (options: DemoOptions, flags: DemoFlags) => Observable<ActorsEvent>;
  /** What it does, and how to try it. */
  readonly words: string;
  /** Whether it speaks in lines, so that a terminal can join. */
  readonly inLines: boolean;
}

const demos: Readonly<Record<string, Demo>> = {
  echo: {
    serve: (options) => serveActors({ ...options, actor: echo }),
    words: 'answers each line with itself',
    inLines: true,
  },
  chat: {
    serve: (options) => serveActors({ ...options, actor: chat() }),
    words: 'a chat with rooms, in lines',
    inLines: true,
  },
  kv: {
    serve: (options) => serveActors({ ...options, actor: keyValues() }),
    words: 'get, set and watch values, in JSON behind a length',
    inLines: false,
  },
  dns: {
    serve: (options, { upstream }) => {
      if (upstream === undefined)
        throw usageError(
          'dns asks another server: --upstream HOST[:PORT] says which, as in --upstream 9.9.9.9',
        );
      return serveActors({ ...options, actor: dnsForwarder({ upstream: tcpUpstream(upstream) }) });
    },
    words: 'forwards DNS over TCP to another server, and keeps the answers',
    inLines: false,
  },
};

interface DemoFlags {
  readonly upstream?: ConnectTcpOptions;
  readonly port: number;
  readonly host: string;
  readonly join?: ServerAddress | true;
  readonly trace?: boolean;
}

const DEFAULT_PORT = 7000;
const DNS_PORT = 53;

const help = `
The services are a page each, to read and to begin with: they are in src/demo.
${Object.entries(demos)
  .map(([name, { words }]) => `  ${name.padEnd(6)} ${words}`)
  .join('\n')}

A service in lines needs no client of its own: --join is one, and so is nc.

Examples:
  sluice demo chat                        serve a chat
  sluice demo chat --trace                and see what happens inside
  sluice demo chat --join                 take part in it, in another terminal
  sluice demo chat --join 10.0.0.5:7000   the same from another machine
  echo hello | nc -N 127.0.0.1 7000       with: sluice demo echo
  sluice demo dns --upstream 9.9.9.9      answer what the server 9.9.9.9 answers
  dig +tcp -p 7000 @127.0.0.1 rxjs.dev    ask it
${exitStatusHelp}`;

export function addDemo(program: Command): void {
  program
    .command('demo')
    .summary('small services: echo, chat, key-values, dns')
    .description('Serves one of the examples of the library, or takes part in it.')
    .addArgument(new Argument('<service>', 'which one').choices(Object.keys(demos)))
    .option('--port <PORT>', 'where to serve; 0 picks a free one', portNumber, DEFAULT_PORT)
    .option('--host <HOST>', 'the address to listen on', '127.0.0.1')
    .option(
      '--upstream <SERVER>',
      `the server that dns asks, over TCP: HOST or HOST:PORT; default port ${DNS_PORT}`,
      parseUpstream,
    )
    .option(
      '--join [SERVER]',
      `speak to the one at HOST:PORT; default 127.0.0.1:${DEFAULT_PORT}`,
      parseServerAddress,
    )
    .option('--trace', 'print every event of every connection, and its effects')
    .addHelpText('after', help)
    .action(run);
}

async function run(name: string, flags: DemoFlags): Promise<void> {
  const { port, join, upstream } = flags;
  const demo = demos[name]!;
  if (upstream !== undefined && name !== 'dns')
    throw usageError(`--upstream is for dns, and not for ${name}`);
  if (join === undefined) return serve(demo, flags);
  if (!demo.inLines)
    throw usageError(`--join is for services in lines, and ${name} is none: a program speaks to it`);
  const { host: to, port: at } = join === true ? { host: '127.0.0.1', port } : tcpOf(join);
  return speak(to, at);
}

function tcpOf(address: ServerAddress): { readonly host: string; readonly port: number } {
  if ('host' in address) return address;
  throw usageError('--join is HOST:PORT here: the demos serve no Unix socket');
}

/** `9.9.9.9`, `dns.quad9.net:53`, `2620:fe::fe`, `[2620:fe::fe]:53`. */
function parseUpstream(text: string): ConnectTcpOptions {
  const name = isIPv6(text) ? `[${text}]` : text;
  const hasPort = name === '' || /^unix:|:\d*$/.test(name);
  const address = parseServerAddress(hasPort ? name : `${name}:${DNS_PORT}`);
  if ('host' in address) return address;
  throw new InvalidArgumentError('It must be HOST or HOST:PORT: DNS speaks over no Unix socket.');
}

async function serve(demo: Demo, flags: DemoFlags): Promise<void> {
  const { host, port, trace: isTraced } = flags;
  const output = createOutput();
  const events$ = demo
    .serve(
      {
        connections$: listenTcp({ host, port }),
        shutdown$: endingSignals(output.flush),
        limits: { grace: 1000 },
        ...(isTraced ? { trace: (event: TraceEvent) => output.line(printable(formatTrace(event))) } : {}),
      },
      flags,
    )
    .pipe(tap((event) => output.line(lineOf(event))));
  try {
    await lastValueFrom(events$, { defaultValue: undefined });
  } catch (thrown) {
    throw listenExitError(thrown);
  } finally {
    output.flush();
  }
}

function lineOf(event: ActorsEvent): string {
  switch (event.type) {
    case 'listening':
      return `listening on ${event.address}`;
    case 'accept-failed':
      return `could not accept a connection: ${event.fault.message}`;
    case 'opened':
      return `${event.remote} connected`;
    case 'closed':
      return `${event.remote} left${event.fault === null ? '' : `: ${event.fault.message}`}`;
    case 'fault':
      return `${event.remote} sent what cannot be understood: ${event.fault.message}`;
    case 'internal-error':
      return `${'remote' in event ? event.remote : 'the server'} ${event.type}`;
    case 'overflow':
      return `${event.remote} does not read, and is disconnected`;
    default:
      return `${event.remote} ${event.type}`;
  }
}

/** Lines of stdin to the server, and its lines to stdout, until either ends. */
async function speak(host: string, port: number): Promise<void> {
  const output: Output = createOutput();
  const connected$ = connectTcp({ host, port }).pipe(
    catchError((error: ConnectionError) => throwError(() => exitError(exitStatus.connection, error.message))),
  );
  const service = framed(await firstValueFrom(connected$), lines({ maxLength: 10_000 }));
  const typed = createInterface({ input: process.stdin });
  typed.on('line', (line) => service.send(line).catch(() => {}));
  typed.on('close', service.end);
  try {
    await service.messages$.forEach((line) => void output.line(line));
  } catch (thrown) {
    throw exitError(exitStatus.connection, (thrown as Error).message);
  } finally {
    typed.close();
    service.end();
    output.flush();
  }
}
