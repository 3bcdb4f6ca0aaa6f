/* Numbers that look like chance and are the same in every run, so that a failure can be repeated.
 *
 * SPDX-License-Identifier: MIT
 */
export function chance(seed) {
  let x = (seed * 2654435761) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}
