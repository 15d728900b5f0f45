import { connectionContract } from './connection-contract.ts';
import { tcpPair } from './tcp-pair.ts';

connectionContract('TCP', tcpPair);
