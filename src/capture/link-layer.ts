/**
 * What is in front of the IP header: the link layers that captures come with.
 *
 * ```text
 *  LINKTYPE                 before the IP header                              says what follows
 *    1  Ethernet            14 bytes, and 4 for each VLAN tag                 EtherType
 *  113  Linux cooked (SLL)  16 bytes                                          EtherType, last 2 bytes
 *  276  SLL2                20 bytes                                          EtherType, first 2 bytes
 *    0  NULL                4 bytes, in the byte order of who captured        address family
 *  108  LOOP                4 bytes, big-endian                               address family
 *  101, 12, 14  RAW         nothing                                           the IP version
 *  228, 229  IPv4, IPv6     nothing                                           the link type
 * ```
 *
 * The numbers are those of https://www.tcpdump.org/linktypes.html.
 */

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const PPPOE_SESSION = 0x8864;
const MPLS = 0x8847;
/** 802.1Q, 802.1ad, and what some switches used before that for stacked tags. */
const isTag = (etherType: number): boolean =>
  etherType === 0x8100 || etherType === 0x88a8 || etherType === 0x9100 || etherType === 0x9200;

/** AF_INET6 where it is not the same everywhere: Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
const isInet6 = (family: number): boolean => family === 10 || family === 24 || family === 28 || family === 30;

/** Tells that too little of the packet was captured to know. */
export const CUT = -1;
/** Tells that it is no IP packet, or not one we know how to find. */
export const NOT_IP = -2;

/**
 * Where the IP header begins: an offset in `bytes`, `CUT` or `NOT_IP`. What is there is for the IP layer to check.
 */
export function findIp(linkType: number, bytes: Uint8Array): number {
  switch (linkType) {
    case 1:
      return bytes.length < 14 ? CUT : afterEtherType(bytes, 12);
    case 113:
      return bytes.length < 16 ? CUT : afterEtherType(bytes, 14);
    case 276:
      if (bytes.length < 20) return CUT;
      return isTag(u16(bytes, 0)) ? afterTags(bytes, u16(bytes, 0), 20) : ofType(bytes, u16(bytes, 0), 20);
    case 0:
      // Written in the byte order of the machine that captured, which the file does not say.
      return bytes.length < 4 ? CUT : ofFamily(Math.min(u32(bytes, 0), u32Little(bytes, 0)));
    case 108:
      return bytes.length < 4 ? CUT : ofFamily(u32(bytes, 0));
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return 0;
    default:
      return NOT_IP;
  }
}

const knownLinkTypes: ReadonlySet<number> = new Set([0, 1, 12, 14, 101, 108, 113, 228, 229, 276]);

export const isKnownLinkType = (linkType: number): boolean => knownLinkTypes.has(linkType);

function afterEtherType(bytes: Uint8Array, at: number): number {
  const etherType = u16(bytes, at);
  return etherType === IPV4 || etherType === IPV6 ? at + 2 : afterTags(bytes, etherType, at + 2);
}

/** Tags of 4 bytes, as many as there are: each holds the EtherType of what follows it. */
function afterTags(bytes: Uint8Array, etherType: number, at: number): number {
  let type = etherType;
  let next = at;
  while (isTag(type)) {
    if (bytes.length < next + 4) return CUT;
    type = u16(bytes, next + 2);
    next += 4;
  }
  return ofType(bytes, type, next);
}

function ofType(bytes: Uint8Array, etherType: number, at: number): number {
  if (etherType === IPV4 || etherType === IPV6) return at;
  if (etherType === PPPOE_SESSION) return afterPppoe(bytes, at);
  if (etherType === MPLS) return afterLabels(bytes, at);
  return NOT_IP;
}

/** Six bytes of PPPoE, then the protocol of PPP. */
function afterPppoe(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 8) return CUT;
  const protocol = u16(bytes, at + 6);
  return protocol === 0x0021 || protocol === 0x0057 ? at + 8 : NOT_IP;
}

/** Labels of 4 bytes, up to the one that says it is the last. What follows is not said: the IP version tells. */
function afterLabels(bytes: Uint8Array, at: number): number {
  for (let next = at; ; next += 4) {
    if (bytes.length < next + 5) return CUT;
    if ((bytes[next + 2]! & 1) === 0) continue;
    const version = bytes[next + 4]! >> 4;
    return version === 4 || version === 6 ? next + 4 : NOT_IP;
  }
}

const ofFamily = (family: number): number => (family === 2 || isInet6(family) ? 4 : NOT_IP);

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
const u32Little = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 3]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 1]! << 8) | bytes[at]!) >>> 0;
