/**
 * MongoDB's messages: a header of four little-endian int32, the first of which is the length of the whole message.
 *
 * ```text
 *  messageLength  requestID    responseTo   opCode       body
 *  1a 01 00 00    01 00 00 00  00 00 00 00  dd 07 00 00  (messageLength - 16 bytes)
 * ```
 */
import { headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, int32le, lengthAfter, type MessageHead } from './message-head.ts';

const HEAD_BYTES = 16;
/** `maxMessageSizeBytes`, which counts the header. */
const MESSAGE_BYTES_MAX = 48_000_000;

const OPERATIONS: ReadonlyMap<number, string> = new Map([
  [1, 'OP_REPLY'],
  [2001, 'OP_UPDATE'],
  [2002, 'OP_INSERT'],
  [2004, 'OP_QUERY'],
  [2005, 'OP_GET_MORE'],
  [2006, 'OP_DELETE'],
  [2007, 'OP_KILL_CURSORS'],
  [2010, 'OP_COMMAND'],
  [2011, 'OP_COMMANDREPLY'],
  [2012, 'OP_COMPRESSED'],
  [2013, 'OP_MSG'],
]);

/**
 * MongoDB's wire protocol (manual, "MongoDB Wire Protocol", Standard Message Header): messages that begin with their
 * length, little-endian, and whose head of 16 bytes names the operation. Usual ports: 27017 to 27019.
 *
 * @example presets.mongodb.label(header); // 'OP_MSG', say
 */
export const mongodb: Preset<MessageHead> = {
  name: 'mongodb',
  title: 'MongoDB',
  source: 'MongoDB manual, "MongoDB Wire Protocol", Standard Message Header',
  ports: [27017, 27018, 27019],
  framing: (options) =>
    headFraming(
      {
        maxHead: HEAD_BYTES,
        maxLength: MESSAGE_BYTES_MAX - HEAD_BYTES,
        size: HEAD_BYTES,
        length(bytes, start) {
          const declared = int32le(bytes, start);
          if (declared <= MESSAGE_BYTES_MAX) return lengthAfter(declared, HEAD_BYTES, 'messageLength');
          const message = `messageLength says ${declared}, and the most is ${MESSAGE_BYTES_MAX}`;
          return headFault('length-too-large', message, declared, MESSAGE_BYTES_MAX);
        },
      },
      options,
    ),
  label(header) {
    const head = headOf(header);
    return head?.length === HEAD_BYTES ? (OPERATIONS.get(int32le(head, 12)) ?? null) : null;
  },
};
