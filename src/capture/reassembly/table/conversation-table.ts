/**
 * All conversations, by their flows and in the order of their last packets.
 *
 * ```text
 *  open    oldest ⇄ … ⇄ newest     at most `maxConversations`; a packet moves its conversation to the end
 *  closed  oldest ⇄ … ⇄ newest     at most `CLOSED_MAX`, so that late segments do not open a new conversation
 *
 *  awake   an object, which whoever found it works with      rest, when it was not used lately and nothing of it waits
 *  asleep  a record of numbers                               find
 * ```
 *
 * An object with its directions takes three times the memory of a record, and the garbage collector's time.
 */
import { createFifo } from '../../../base/fifo.ts';
import type { Conversation } from '../../stream-event.ts';
import { type Direction, TcpConversation, type Unusual, USUAL } from '../tcp-conversation.ts';
import { createFlowIndex } from './flow-index.ts';
import { createRecordLists, type RecordList } from './record-list.ts';
import { createRecords, INDEX_WORD, NO_RECORD, wordOf } from './records.ts';
import { isAtRest, readRecord, writeRecord } from './sleep.ts';

/** Closed conversations that the table remembers, as TIME-WAIT does. */
const CLOSED_MAX = 16_384;
/** So many conversations stay awake for others that were found since, so that those that take turns do not sleep. */
const AWAKE_MAX = 256;
const SPARE_MAX = 16;

export interface ConversationTable {
  find(flow: string): Direction | undefined;
  /** Adds an open conversation as the newest. */
  begin(index: number, flow: string, time: bigint): TcpConversation;
  /** Makes an open conversation the newest. */
  touch(tcp: TcpConversation): void;
  /** When too many are open: the one whose last packet is the oldest. */
  excess(): TcpConversation | null;
  /** Moves a conversation to the closed ones, or forgets it. Returns the closed one that is forgotten to make room. */
  close(tcp: TcpConversation, remember: boolean): TcpConversation | null;
  /** Forgets a closed conversation, because another one has its flows now. */
  forget(tcp: TcpConversation): void;
  /** The open conversations, by their index; while one is looked at, it alone may be closed. */
  open(): Iterable<TcpConversation>;
  /**
   * Puts conversations to sleep. Call it only between two segments: whoever had found one must not use it any more.
   */
  rest(): void;
}

/** What is known of all conversations, asleep or not; by their records. */
interface TableState {
  readonly awakeMax: number;
  readonly records: ReturnType<typeof createRecords>;
  readonly flows: ReturnType<typeof createFlowIndex>;
  readonly conversations: (Conversation | null)[];
  /** Null: it is asleep, or there is none. */
  readonly awake: (TcpConversation | null)[];
  /** Those that are awake and may sleep once so many others were found; each is there once. */
  readonly drowsy: ReturnType<typeof createFifo<TcpConversation>>;
  /** What is unusual in a direction that sleeps: by its record, twice, and 1 more for the second direction. */
  readonly unusual: Map<number, Unusual>;
  /** Objects that were put to sleep, and are used again. */
  readonly spare: TcpConversation[];
  readonly live: RecordList;
  readonly closed: RecordList;
  /** The direction that was found last: packets of one flow come in runs. */
  last: Direction | undefined;
  lastFlow: string;
  /** The flow of its peer, when that was found just before it. */
  peerFlow: string | null;
}

export function createConversationTable(maxOpen: number, awakeMax = AWAKE_MAX): ConversationTable {
  const records = createRecords();
  const listOf = createRecordLists(records);
  const table: TableState = {
    awakeMax,
    records,
    flows: createFlowIndex(records),
    conversations: [],
    awake: [],
    drowsy: createFifo(),
    unusual: new Map(),
    spare: [],
    live: listOf(),
    closed: listOf(),
    last: undefined,
    lastFlow: '',
    peerFlow: null,
  };
  const { live } = table;
  return {
    find: (flow) => find(table, flow),
    begin: (index, flow, time) => begin(table, index, flow, time),
    touch({ record }) {
      if (live.newest !== record) live.moveToEnd(record);
    },
    excess: () => (live.size > maxOpen ? wake(table, live.oldest) : null),
    close: (tcp, remember) => close(table, tcp, remember),
    forget(tcp) {
      table.closed.remove(tcp.record);
      drop(table, tcp);
    },
    open: () => openOf(table),
    rest: () => rest(table),
  };
}

function find(table: TableState, flow: string): Direction | undefined {
  const { last, lastFlow, peerFlow } = table;
  if (last !== undefined) {
    if (flow === lastFlow) return last;
    if (flow === peerFlow) {
      table.lastFlow = flow;
      table.peerFlow = lastFlow;
      table.last = last.peer;
      return last.peer;
    }
  }
  const record = table.flows.find(flow);
  if (record === NO_RECORD) return undefined;
  const tcp = wake(table, record);
  noteLast(table, flow, tcp[table.flows.way]);
  return table.last;
}

function noteLast(table: TableState, flow: string, found: Direction): void {
  table.peerFlow = table.last?.peer === found ? table.lastFlow : null;
  table.lastFlow = flow;
  table.last = found;
}

function begin(table: TableState, index: number, flow: string, time: bigint): TcpConversation {
  const record = table.records.allocate();
  const tcp = table.spare.pop() ?? new TcpConversation(index, flow, time);
  tcp.begin(index, flow, time);
  tcp.record = record;
  table.records.page(record).doubles[wordOf(record) + INDEX_WORD] = index;
  table.flows.add(record, flow);
  table.awake[record] = tcp;
  table.conversations[record] = null;
  table.live.append(record);
  letDoze(table, tcp);
  noteLast(table, flow, tcp.first);
  return tcp;
}

/** Has a conversation sleep later, unless it is still used then. */
function letDoze(table: TableState, tcp: TcpConversation): void {
  if (tcp.isDrowsy) return;
  tcp.isDrowsy = true;
  table.drowsy.push(tcp);
}

function wake(table: TableState, record: number): TcpConversation {
  let tcp = table.awake[record]!;
  if (tcp === null) {
    const { conversations, records, unusual } = table;
    const conversation = conversations[record]!;
    const { index, startedAt } = conversation;
    tcp = table.spare.pop() ?? new TcpConversation(index, '', startedAt);
    readRecord(tcp, records, record, conversation);
    takeUnusual(unusual, 2 * record, tcp.first);
    takeUnusual(unusual, 2 * record + 1, tcp.second);
    table.awake[record] = tcp;
  }
  letDoze(table, tcp);
  return tcp;
}

function takeUnusual(unusual: Map<number, Unusual>, key: number, direction: Direction): void {
  direction.unusual = (unusual.size === 0 ? undefined : unusual.get(key)) ?? USUAL;
}

function keepUnusual(unusual: Map<number, Unusual>, key: number, direction: Direction): void {
  if (!direction.isUsual) unusual.set(key, direction.unusual);
  else if (unusual.size > 0) unusual.delete(key);
}

function rest(table: TableState): void {
  const { awake, awakeMax, drowsy } = table;
  while (drowsy.length > awakeMax) {
    const tcp = drowsy.shift()!;
    tcp.isDrowsy = false;
    const { record } = tcp;
    if (awake[record] !== tcp || !isAtRest(tcp)) continue;
    writeRecord(table.records, tcp);
    table.conversations[record] = tcp.conversation;
    keepUnusual(table.unusual, 2 * record, tcp.first);
    keepUnusual(table.unusual, 2 * record + 1, tcp.second);
    awake[record] = null;
    if (table.last?.tcp === tcp) table.last = undefined;
    if (table.spare.length < SPARE_MAX) table.spare.push(tcp);
  }
}

function close(table: TableState, tcp: TcpConversation, remember: boolean): TcpConversation | null {
  const { closed, live } = table;
  live.remove(tcp.record);
  letDoze(table, tcp);
  if (!remember) {
    drop(table, tcp);
    return null;
  }
  closed.append(tcp.record);
  if (closed.size <= CLOSED_MAX) return null;
  const oldest = wake(table, closed.oldest);
  closed.remove(oldest.record);
  drop(table, oldest);
  return oldest;
}

function drop(table: TableState, { record }: TcpConversation): void {
  table.last = undefined;
  table.flows.delete(record);
  table.awake[record] = null;
  table.conversations[record] = null;
  table.unusual.delete(2 * record);
  table.unusual.delete(2 * record + 1);
  table.records.free(record);
}

function* openOf(table: TableState): Generator<TcpConversation> {
  for (const record of table.live.byIndex()) {
    yield wake(table, record);
    rest(table);
  }
}
