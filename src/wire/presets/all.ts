/** Every preset under its name; the library has this module as its `presets`. */
export { amqp } from './amqp.ts';
export { bgp } from './bgp.ts';
export { dns } from './dns.ts';
export { kafka } from './kafka.ts';
export { mongodb } from './mongodb.ts';
export { mqtt } from './mqtt.ts';
export { mysql } from './mysql.ts';
export { postgresql } from './postgres.ts';
export { smb } from './smb.ts';
export { tds } from './tds.ts';
export { tls } from './tls.ts';
