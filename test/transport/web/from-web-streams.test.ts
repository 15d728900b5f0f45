import { fromWebStreams } from '../../../src/transport/web/from-web-streams.ts';
import { connectionContract } from '../connection-contract.ts';

/** A stream that holds so many bytes on its way, as a network would. */
const stream = () =>
  new TransformStream<Uint8Array, Uint8Array>(
    {},
    undefined,
    new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 }),
  );

connectionContract(
  'A pair of Web Streams',
  async () => {
    const [there, back] = [stream(), stream()];
    return [
      fromWebStreams({ readable: back.readable, writable: there.writable }),
      fromWebStreams({ readable: there.readable, writable: back.writable }),
    ];
  },
  { names: false, keepsArrived: false },
);
