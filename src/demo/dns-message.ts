/** As much of a DNS message (RFC 1035, section 4) as a forwarder reads and writes. A message has at least 12 bytes. */

/** The response codes: no error, a malformed query, the server failed, no such name, not implemented. */
const [NOERROR, FORMERR, NXDOMAIN, NOTIMP] = [0, 1, 3, 4];
export const SERVFAIL = 2;

const HEADER_BYTES = 12;
const MESSAGE_BYTES_MAX = 65_535;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** Flags: it is a response; its kind; it is cut; recursion is desired, and available; do not validate. */
const [QR, OPCODE, TC, RD, RA, CD] = [0x8000, 0x7800, 0x0200, 0x0100, 0x0080, 0x0010];
const RCODE = 0x000f;
/** Types of records: the options of a message, which have no TTL; the two questions whose answer is many messages. */
const [OPT, IXFR, AXFR] = [41, 251, 252];

export interface Query {
  readonly message: Uint8Array;
  /** The same for all queries that have the same answer. */
  readonly key: string;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength);
const flagsOf = (message: Uint8Array): number => viewOf(message).getUint16(2);

/** Reads a query. Returns the code of the response when it cannot be answered. */
export function parseQuery(message: Uint8Array): Query | number {
  const flags = flagsOf(message);
  const end = questionEnd(message);
  if ((flags & QR) !== 0) return FORMERR;
  if ((flags & OPCODE) !== 0) return NOTIMP;
  if (end === null) return FORMERR;
  const type = viewOf(message).getUint16(end - 4);
  if (type === AXFR || type === IXFR) return NOTIMP;
  return { message, key: `${flags & (RD | CD)} ${questionKey(message)}` };
}

/** The query to another server: the same question, and no options. Its id is 0. */
export function forwardedQuery({ message }: Query): Uint8Array {
  return withHeader(message, 0, flagsOf(message) & (RD | CD));
}

/** A response without records. */
export function refusal(query: Uint8Array, rcode: number): Uint8Array {
  const id = viewOf(query).getUint16(0);
  return withHeader(query, id, QR | (flagsOf(query) & (OPCODE | RD | CD)) | RA | rcode);
}

/**
 * The response of another server as the answer to this query: with its id, and the question as the asker has written
 * it.
 */
export function answerTo({ message }: Query, response: Uint8Array): Uint8Array {
  const answer = new Uint8Array(response);
  answer.set(message.subarray(0, 2));
  answer.set(message.subarray(HEADER_BYTES, questionEnd(message)!), HEADER_BYTES);
  return answer;
}

/** Whether a message is a response to this query. */
export const isResponseTo = ({ message }: Query, response: Uint8Array): boolean =>
  response.length >= HEADER_BYTES &&
  response.length <= MESSAGE_BYTES_MAX &&
  (flagsOf(response) & QR) !== 0 &&
  questionKey(response) === questionKey(message);

/** How many seconds a response may be kept: the least TTL of its records. A failure is not kept. */
export function secondsToKeep(response: Uint8Array): number {
  const flags = flagsOf(response);
  const rcode = flags & RCODE;
  const ttls = ttlPlaces(response).map((at) => viewOf(response).getInt32(at));
  if ((flags & TC) !== 0 || (rcode !== NOERROR && rcode !== NXDOMAIN) || ttls.length === 0) return 0;
  return Math.max(0, Math.min(...ttls));
}

/** The same response, which has been kept for some seconds: its TTLs are less by them. */
export function aged(response: Uint8Array, seconds: number): Uint8Array {
  const copy = new Uint8Array(response);
  const view = viewOf(copy);
  for (const at of ttlPlaces(copy)) view.setInt32(at, Math.max(0, view.getInt32(at) - seconds));
  return copy;
}

/**
 * Where the TTLs of the records are.
 *
 * @throws RangeError when the message ends before its records do.
 */
function ttlPlaces(message: Uint8Array): readonly number[] {
  const view = viewOf(message);
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  const places: number[] = [];
  let at = questionEnd(message) ?? HEADER_BYTES;
  for (let i = 0; i < records; i++) {
    at = nameEnd(message, at, true) ?? message.length;
    if (view.getUint16(at) !== OPT) places.push(at + 4);
    at += 10 + view.getUint16(at + 8);
  }
  if (at > message.length) throw new RangeError('the message ends in the middle of a record');
  return places;
}

/** A header without records, and the question if there is one. */
function withHeader(message: Uint8Array, id: number, flags: number): Uint8Array {
  const end = questionEnd(message);
  const made = new Uint8Array(message.subarray(0, end ?? HEADER_BYTES));
  const view = viewOf(made);
  [id, flags, end === null ? 0 : 1, 0, 0, 0].forEach((field, i) => {
    view.setUint16(2 * i, field);
  });
  return made;
}

/** The question, with its name in lower case; null when there is none. */
function questionKey(message: Uint8Array): string | null {
  const end = questionEnd(message);
  if (end === null) return null;
  const text = String.fromCharCode(...message.subarray(HEADER_BYTES, end));
  // The lengths of labels are less than any letter. Type and class are numbers, and not to be changed.
  return text.slice(0, -4).replace(/[A-Z]/g, (letter) => letter.toLowerCase()) + text.slice(-4);
}

/** Where the one question of a message ends; null when there is not exactly one, or it is malformed. */
function questionEnd(message: Uint8Array): number | null {
  const end = nameEnd(message, HEADER_BYTES, false);
  if (viewOf(message).getUint16(4) !== 1 || end === null || end + 4 > message.length) return null;
  return end - HEADER_BYTES > NAME_BYTES_MAX ? null : end + 4;
}

/** Where the name that begins at `from` ends: behind its last label, or behind a pointer; null when it is malformed. */
function nameEnd(message: Uint8Array, from: number, mayPoint: boolean): number | null {
  let at = from;
  for (let length = message[at]; length !== undefined; length = message[at]) {
    if (length === 0) return at + 1;
    if (length > LABEL_BYTES_MAX) return mayPoint && length >= 0xc0 ? at + 2 : null;
    at += 1 + length;
  }
  return null;
}
