/** EtherTypes of what is read, and numbers of the same kind for what has none. */

export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;
export const VLAN = 0x8100;
/** IEEE 802.1ad. */
export const SERVICE_VLAN = 0x88a8;
export const PPPOE = 0x8864;
export const MPLS = 0x8847;
export const MPLS_UPSTREAM = 0x8848;
/** An Ethernet frame (RFC 7637). */
export const ETHERNET = 0x6558;
/** PPP, as in the GRE of PPTP (RFC 2637). */
export const PPP = 0x880b;

/** Up to this number it is no EtherType but the length of an IEEE 802.3 frame, with LLC behind it. */
export const LLC_LENGTH_MAX = 1500;
