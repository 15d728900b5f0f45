import { expect, test } from 'vitest';
import { hostOf } from '../../src/transport/address.ts';

test.each([
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '::1'],
  ['[2001:db8:1:2::7]:80', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2:3:4:5:6]:80', '2001:db8:1:2::/64'],
  ['[2001:db8::7]:80', '2001:db8::/64'],
  ['unix:/run/s#1', null],
  ['memory:3', null],
])('the host of %s is %s', (address, host) => {
  expect(hostOf(address)).toBe(host);
});
