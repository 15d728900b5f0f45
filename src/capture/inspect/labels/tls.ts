/**
 * TLS: the messages of a handshake, the server that a client asks for, and what an alert says.
 *
 * ```text
 *  record     type: 1   version: 2   length: 2   fragment
 *  handshake  type: 1   length: 3    message           several in one record, or one in several records
 * ```
 *
 * Behind a change of the cipher spec a side's handshake is encrypted, but for a hello behind HelloRetryRequest.
 */
import { uint24 } from '../../../wire/presets/message-head.ts';
import { beginsTls, TLS_HEAD_BYTES } from '../../../wire/presets/tls.ts';
import type { Side } from '../../stream-event.ts';
import { requestedServer } from './client-hello.ts';
import type { FrameBeginning, Labels } from './label.ts';

const [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE] = [20, 21, 22];
const [CLIENT_HELLO, SERVER_HELLO] = [1, 2];

const MESSAGES: ReadonlyMap<number, string> = new Map([
  [0, 'HelloRequest'],
  [CLIENT_HELLO, 'ClientHello'],
  [SERVER_HELLO, 'ServerHello'],
  [4, 'NewSessionTicket'],
  [5, 'EndOfEarlyData'],
  [8, 'EncryptedExtensions'],
  [11, 'Certificate'],
  [12, 'ServerKeyExchange'],
  [13, 'CertificateRequest'],
  [14, 'ServerHelloDone'],
  [15, 'CertificateVerify'],
  [16, 'ClientKeyExchange'],
  [20, 'Finished'],
  [22, 'CertificateStatus'],
  [24, 'KeyUpdate'],
]);
const ALERTS: ReadonlyMap<number, string> = new Map([
  [0, 'close notify'],
  [10, 'unexpected message'],
  [20, 'bad record mac'],
  [22, 'record overflow'],
  [40, 'handshake failure'],
  [42, 'bad certificate'],
  [43, 'unsupported certificate'],
  [44, 'certificate revoked'],
  [45, 'certificate expired'],
  [46, 'certificate unknown'],
  [47, 'illegal parameter'],
  [48, 'unknown ca'],
  [49, 'access denied'],
  [50, 'decode error'],
  [51, 'decrypt error'],
  [70, 'protocol version'],
  [71, 'insufficient security'],
  [80, 'internal error'],
  [86, 'inappropriate fallback'],
  [90, 'user canceled'],
  [109, 'missing extension'],
  [112, 'unrecognized name'],
  [116, 'certificate required'],
  [120, 'no application protocol'],
]);

/** What is looked at of a handshake: a hello with the keys of several groups fits. */
const HANDSHAKE_BYTES = 2048;
/** The most messages of a record that are named. */
const NAMED_MAX = 6;

interface SideState {
  encrypted: boolean;
  /** The message that goes on in the next record, and how many bytes of it are to come. */
  message: string;
  left: number;
}

export function tlsLabels(): Labels {
  const side = (): SideState => ({ encrypted: false, message: '', left: 0 });
  const sides: Readonly<Record<Side, SideState>> = { client: side(), server: side() };
  return {
    wanted: (type) => (type === HANDSHAKE ? HANDSHAKE_BYTES : 0),
    of(record) {
      const { bytes, from, head, length } = record;
      const type = bytes[0] ?? 0;
      if (head !== TLS_HEAD_BYTES || !beginsTls(type) || bytes[1] !== 3) return null;
      const state = sides[from];
      if (type === CHANGE_CIPHER_SPEC) state.encrypted = true;
      if (type === ALERT) return alert(bytes, length);
      if (type !== HANDSHAKE) return null;
      if (state.encrypted && !isPlainHello(record)) return 'encrypted handshake';
      return handshake(record, state);
    },
  };
}

/** A level and a description; an encrypted one is longer. */
function alert(bytes: Uint8Array, length: number): string | null {
  if (length !== 2) return 'encrypted alert';
  const description = bytes[TLS_HEAD_BYTES + 1];
  if (description === undefined) return null;
  return `alert: ${ALERTS.get(description) ?? description}`;
}

function isPlainHello({ bytes, head, length }: FrameBeginning): boolean {
  if (bytes.length < head + 4) return false;
  const isHello = bytes[head] === CLIENT_HELLO || bytes[head] === SERVER_HELLO;
  return isHello && uint24(bytes, head + 1) + 4 === length;
}

/** Names the messages that begin in a record, and the one that goes on in it. */
function handshake({ bytes, head, length }: FrameBeginning, state: SideState): string | null {
  const end = head + length;
  const names: string[] = state.left > 0 ? [`${state.message} (continued)`] : [];
  let at = head + state.left;
  state.left = Math.max(0, at - end);
  while (at < end && names.length < NAMED_MAX) {
    const type = bytes[at];
    if (type === undefined || at + 4 > bytes.length) return [...names, '…'].join(', ');
    const message = MESSAGES.get(type) ?? `message ${type}`;
    const size = 4 + uint24(bytes, at + 1);
    const server = type === CLIENT_HELLO ? requestedServer(bytes.subarray(at + 4, at + size)) : null;
    names.push(server === null ? message : `${message} ${server}`);
    at += size;
    state.message = message;
    state.left = Math.max(0, at - end);
  }
  return names.length === 0 ? null : names.join(', ');
}
