/**
 * A process with a store on a root that others share: `node BUNDLE ROOT DURABILITY QUOTAS`. Its parent owns what they
 * share, and calls for what a client would do. Byte i of every content is i modulo 251.
 */
import { Observable } from 'rxjs';
import { type CallHandlers, type Calls, connectCalls } from '../../../src/base/calls.ts';
import type { Outcome, Sink } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { createRootMember } from '../../../src/store/shared/root-member.ts';
import { sharedQuotas } from '../../../src/store/shared/shared-quotas.ts';

const [root = '', durability, quotas] = process.argv.slice(2);
const contentOf = (from: number, to: number) =>
  Uint8Array.from({ length: to - from }, (_, i) => (from + i) % 251);

const member = createRootMember(() => calls);
const sinks = new Map<number, Sink>();
let lastSink = 0;
const store = () => opened;

const handlers: CallHandlers = {
  resume: (key: string) => store().resume(key),
  cancel: (key: string) => store().cancel(key),
  remove: (name: string) => store().remove(name),
  rename: ({ from, to, ifAbsent }: { from: string; to: string; ifAbsent: boolean }) =>
    store().rename(from, to, { ifAbsent }),
  async store({ name, size, ifAbsent }: { name: string; size: number; ifAbsent: boolean }) {
    const sink = await store().put(name, { size, ifAbsent });
    if (!sink.ok) return sink;
    const written = await sink.value.write([contentOf(0, size)]);
    return written.ok ? sink.value.commit() : written;
  },
  async put({ name, ...options }: { name: string; size: number; upload?: string; offset?: number }) {
    const sink = await store().put(name, options);
    if (!sink.ok) return sink;
    sinks.set(++lastSink, sink.value);
    return { ok: true, value: lastSink } satisfies Outcome<number>;
  },
  write: ({ sink, from, to }: { sink: number; from: number; to: number }) =>
    sinks.get(sink)!.write([contentOf(from, to)]),
  sync: (sink: number) => sinks.get(sink)!.sync(),
  commit: (sink: number) => sinks.get(sink)!.commit(),
};

const messages$ = new Observable<unknown>((messages) => {
  process.on('message', (message) => messages.next(message));
  process.on('disconnect', () => messages.complete());
});
const calls: Calls = connectCalls(
  { send: (message) => process.send?.(message, undefined, undefined, () => {}), messages$ },
  { ...member.handlers, ...handlers },
);
const disk = await openDiskStore(root, {
  durability: durability === 'os' ? 'os' : 'fsync',
  owner: member,
});
if (!disk.ok) throw new Error(disk.error.message);
const opened = quotas === 'quotas' ? sharedQuotas(disk.value, member) : disk.value;
calls.tell('ready');
void calls.closed.then(() => process.exit());
