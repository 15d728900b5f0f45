/** The commands that speak to a server: they share so much that they are loaded together. */
export { addLs } from './files/ls.ts';
export { addMv } from './files/mv.ts';
export { addRm } from './files/rm.ts';
export { addStat } from './files/stat.ts';
export { addSync } from './sync/sync.ts';
export { addGet } from './transfer/get.ts';
export { addPut } from './transfer/put.ts';
