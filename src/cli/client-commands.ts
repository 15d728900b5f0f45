/** The commands that speak to a server: they share so much that they are loaded together. */
export { addDu } from './files/du.ts';
export { addLs } from './files/ls.ts';
export { addMv } from './files/mv.ts';
export { addRm } from './files/rm.ts';
export { addStat } from './files/stat.ts';
export { addSync } from './sync/sync.ts';
export { addCat, addGet } from './transfer/get.ts';
export { addPut } from './transfer/put.ts';
