import { expect, test } from 'vitest';
import { hostOf, splitAddress } from '../../src/transport/address.ts';

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

test.each([
  ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['[2001:db8::7]:8080', { host: '[2001:db8::7]', port: 8080 }],
])('the parts of %s are %o', (address, parts) => {
  expect(splitAddress(address)).toEqual(parts);
});
