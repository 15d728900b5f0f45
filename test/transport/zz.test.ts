import { test } from 'vitest';
import { pattern, read ,write, once} from './connection-helpers.ts';
import { tcpPair } from './tcp-pair.ts';
test('x', async () => {
        const [left, right] = await tcpPair();
        for (let turn = 0; turn < 10; turn++) await write(left, pattern(3_000, turn * 3_000));
        left.destroy();
        const reading = read(right);
        console.log(await reading.done, reading.length(),await once(right.closed$));
}, 5000);
