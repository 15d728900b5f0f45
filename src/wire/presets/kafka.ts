/**
 * Kafka's requests and responses: an int32 length, then a body that begins with an API key or a correlation id.
 *
 * The operation of a request is in the body, and a response does not name it at all.
 */
import { headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, int32, type MessageHead } from './message-head.ts';

/** Bytes of a response that has only its correlation id. */
const MESSAGE_BYTES_MIN = 4;

/**
 * Apache Kafka (protocol guide, "Common Request and Response Structure"): requests and responses behind their lengths.
 * The body says what a request asks for, so `label` is null. Usual port: 9092.
 *
 * @example deframe(presets.kafka.framing({ delivery: 'whole', maxLength: 1024 * 1024 })); // a longer one is a fault
 */
export const kafka: Preset<MessageHead> = {
  name: 'kafka',
  title: 'Apache Kafka',
  source: 'Kafka protocol guide, "Common Request and Response Structure"',
  ports: [9092],
  framing: (options) =>
    headFraming(
      {
        maxHead: 4,
        maxLength: 2 ** 31 - 1,
        size: 4,
        length(bytes, start) {
          const declared = int32(bytes, start);
          if (declared >= MESSAGE_BYTES_MIN) return declared;
          const [code, least] =
            declared < 0
              ? (['length-negative', 0] as const)
              : (['length-too-small', MESSAGE_BYTES_MIN] as const);
          const message = `the length says ${declared}, and a message has at least ${MESSAGE_BYTES_MIN} bytes`;
          return headFault(code, message, declared, least);
        },
      },
      options,
    ),
  label: () => null,
};
