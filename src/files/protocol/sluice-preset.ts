/**
 * The preset of Sluice's own protocol: it reads the frames of either side from the bytes alone.
 *
 * It is not among the `presets` of `wire/`, because only the protocol knows how long a body is.
 */
import { type HeadFault, headFault } from '../../wire/fault.ts';
import { type JsonHeader, jsonHeader } from '../../wire/json-header.ts';
import { mustBeWithin } from '../../wire/length-options.ts';
import type { Preset } from '../../wire/preset.ts';
import { checkPreset } from '../../wire/presets/message-head.ts';
import { requestBodyLength } from './body-length.ts';
import { replyBodyLength } from './reply.ts';

const isReply = (header: JsonHeader): boolean => 'ack' in header || 'error' in header;

/** The length of a body when it is not known which side sent the frame. */
const bodyLength = (header: JsonHeader): number | HeadFault =>
  isReply(header) ? replyBodyLength(header) : requestBodyLength(header);

/**
 * The preset of Sluice's own wire, in both directions: a length of 32 bits, little-endian, a header in JSON, and a
 * body. The header of a frame is the JSON object itself.
 *
 * @example deframe(sluicePreset.framing()); // start {cmd: 'put', …}, end
 */
export const sluicePreset: Preset<JsonHeader> = {
  name: 'sluice',
  title: 'Sluice',
  source: 'src/files/protocol/README.md',
  ports: [8080],
  framing(options = {}) {
    checkPreset(options);
    const { delivery = 'skip', maxLength = Number.MAX_SAFE_INTEGER } = options;
    mustBeWithin('maxLength', maxLength, 0, Number.MAX_SAFE_INTEGER);
    return jsonHeader({
      delivery: () => delivery,
      bodyLength(header) {
        const length = bodyLength(header);
        if (typeof length !== 'number' || !(length > maxLength)) return length;
        const message = `the header says a body of ${length} bytes, and the most is ${maxLength}`;
        return headFault('length-too-large', message, length, maxLength);
      },
      ...(maxLength === Number.MAX_SAFE_INTEGER ? {} : { maxWhole: maxLength }),
    });
  },
  label(header) {
    if (typeof header !== 'object' || header === null) return null;
    const { cmd, ack, error } = header as JsonHeader;
    if (ack !== undefined) return `ack ${String(ack)}`;
    if (typeof error === 'object' && error !== null) return `error ${String((error as JsonHeader).code)}`;
    return typeof cmd === 'string' ? cmd : null;
  },
};
