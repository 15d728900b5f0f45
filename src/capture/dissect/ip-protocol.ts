/** The numbers of the protocols over IP that may lead to TCP. */

export const IPV4_IN_IP = 4;
export const TCP = 6;
export const UDP = 17;
export const IPV6_IN_IP = 41;
export const GRE = 47;
/** The authentication header (RFC 4302), which names the next protocol itself. */
export const AH = 51;
export const ETHER_IP = 97;
export const L2TP = 115;
export const MPLS_IN_IP = 137;

/** Whether the fragments of a packet with this protocol are put together: whether it may lead to TCP. */
export function mayLeadToTcp(protocol: number): boolean {
  switch (protocol) {
    case TCP:
    case UDP:
    case AH:
    case IPV4_IN_IP:
    case IPV6_IN_IP:
    case GRE:
    case ETHER_IP:
    case L2TP:
    case MPLS_IN_IP:
      return true;
    default:
      return false;
  }
}
