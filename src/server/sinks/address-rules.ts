/** Which addresses a webhook may be at: the name is resolved, and what is connected to is what was checked. */
import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Whether an address may be connected to. */
export type AddressRules = (address: string) => boolean;

/**
 * Reads rules: addresses and networks with commas between them, those that are not allowed with a `!`. An address is
 * allowed that no `!` forbids, if another one has it or there is no other one. Undefined when it is something else.
 *
 * @example readAddressRules('10.0.0.0/8,!10.0.0.1')
 */
export function readAddressRules(text: string): AddressRules | undefined {
  const allowed = new BlockList();
  const denied = new BlockList();
  let allowsSome = false;
  for (const entry of text.split(',').map((each) => each.trim())) {
    const isDenied = entry.startsWith('!');
    if (!addNetwork(isDenied ? denied : allowed, isDenied ? entry.slice(1) : entry)) return undefined;
    allowsSome ||= !isDenied;
  }
  return (address) => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return !denied.check(address, family) && (!allowsSome || allowed.check(address, family));
  };
}

function addNetwork(list: BlockList, text: string): boolean {
  const [, address = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const bitsMax = version === 6 ? 128 : 32;
  const length = bits === undefined ? bitsMax : Number(bits);
  if (length > bitsMax) return false;
  list.addSubnet(address, length, family);
  return true;
}

export const forbiddenError = (host: string): Error => new Error(`${host} is at no address that is allowed`);

/** Resolves a name to those of its addresses that are allowed: the connection is made to one of them. */
export const checkedLookup =
  (rules: AddressRules): LookupFunction =>
  (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 4);
      const addresses = found.filter(({ address }) => rules(address));
      const [first] = addresses;
      if (first === undefined) return callback(forbiddenError(host), '', 4);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
