// The tick of a decade as plain text, in the font of everything else: 10⁻³, 0.1, 1, 10.

/** @type {(tick: number) => string} */
export function decade(tick) {
  const power = Math.round(Math.log10(tick))
  if (Math.abs(Math.log10(tick) - power) > 1e-6) return ''
  if (power >= -2 && power <= 3) return String(10 ** power).slice(0, 4)
  return `10${[...String(power)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('')}`
}
