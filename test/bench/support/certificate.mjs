// A certificate for servers on this machine that speak TLS, made anew each time.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Makes a key and a certificate for `localhost` in that folder, and answers their files. */
export function makeCertificate(dir) {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const what = ['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...curve, ...what], { stdio: 'pipe' });
  return { key, cert };
}
