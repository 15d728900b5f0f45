import { connectionContract } from '../connection-contract.ts';
import { webSocketPair } from './web-socket-pair.ts';

connectionContract('A WebSocket', () => webSocketPair(), {
  names: false,
  halfClose: false,
  keepsAfterWrite: false,
});
