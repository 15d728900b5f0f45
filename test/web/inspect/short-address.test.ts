/** Addresses in the list of conversations. */
import { expect, test } from 'vitest';
import { SHORT_ADDRESS_MAX, shortAddress } from '../../../src/web/inspect/model/short-address.ts';

test.each(['127.0.0.1:8443', '255.255.255.255:65535', '[2001:db8::8a2e:370:7348]:8443'])(
  'an address that fits is shown as it is: %s',
  (address) => {
    expect(shortAddress(address)).toBe(address);
  },
);

test('a long address is cut in its middle, so that its beginning and its port are seen', () => {
  const short = shortAddress('[2001:db8:85a3:8d3:1319:8a2e:370:7348]:65535');
  expect(short).toMatch(/^\[2001:db8:85a3:.*….*7348\]:65535$/);
  expect(short.length).toBe(SHORT_ADDRESS_MAX);
});
