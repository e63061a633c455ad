import type { Fault } from './check.ts';
import type { NoAnswer } from './http-get.ts';

/** Why nothing came from this address. `what` is what should listen there, `start` how it is brought to listen. */
export function silenceFault(
  { silence, reason }: NoAnswer,
  url: URL,
  { what, start }: { readonly what: string; readonly start: string },
): Fault {
  switch (silence) {
    case 'refused':
      return { seen: `nothing listens at ${url.host} (${reason})`, remedy: start };
    case 'name':
      return {
        seen: `the host name ${url.hostname} cannot be resolved (${reason})`,
        remedy:
          'check the spelling, or give an address; in a container, names of the host and of other networks are unknown',
      };
    case 'unreachable':
      return {
        seen: `${url.hostname} cannot be reached (${reason})`,
        remedy: 'check the address, the route and the firewall between here and there',
      };
    case 'timeout':
      return {
        seen: `${url.host} did not answer completely: ${reason}`,
        remedy: `check that ${what} is not stuck (its CPU, its log) and that no firewall drops the connection; --timeout waits longer`,
      };
    case 'tls':
      return { seen: `the TLS connection to ${url.host} failed (${reason})`, remedy: tlsRemedy(reason) };
    case 'protocol':
      return {
        seen: `${url.host} does not answer in HTTP (${reason})`,
        remedy: `something else than ${what} listens there: check the port; where it serves HTTPS, write https://`,
      };
    case 'closed':
      return {
        seen: `${url.host} closed the connection before it had answered (${reason})`,
        remedy:
          url.protocol === 'https:'
            ? 'check the log of what listens there, and that it serves HTTPS'
            : 'where it serves HTTPS, write https://; else check the log of what listens there',
      };
    case 'size':
      return {
        seen: `the answer is too large to be read (${reason})`,
        remedy:
          'leave series out with metrics.filter, or lower metrics.seriesLimit; Prometheus takes as long to read it',
      };
    default:
      return {
        seen: `the request to ${url.host} failed (${reason})`,
        remedy: 'check the address and what listens there',
      };
  }
}

function tlsRemedy(reason: string): string {
  if (/EXPIRED|NOT_YET_VALID/.test(reason)) return 'renew the certificate, or set the clock right';
  if (/ALTNAME|HOSTNAME/.test(reason))
    return 'use the host name that the certificate names, or issue one for this name';
  if (/EPROTO|ERR_SSL|WRONG_VERSION/.test(reason)) return 'where it serves plain HTTP, write http://';
  return 'name the PEM file of the authority that signed the certificate in NODE_EXTRA_CA_CERTS';
}
