/** Addresses that fit a line of the list, with their ports: these tell conversations apart. */

/** The most characters of an address in the list. */
export const SHORT_ADDRESS_MAX = 30;
const END = 14;

/** @example shortAddress('[2001:db8:85a3:8d3:1319:8a2e:370:7348]:8443') // '[2001:db8:85a3:…70:7348]:8443' */
export const shortAddress = (address: string): string =>
  address.length <= SHORT_ADDRESS_MAX
    ? address
    : `${address.slice(0, SHORT_ADDRESS_MAX - END - 1)}…${address.slice(-END)}`;
