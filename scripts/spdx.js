// SPDX licence expressions. WITH binds tighter than AND, and AND tighter than OR.

// evaluate('MIT OR (GPL-2.0 AND Zlib)', new Set(['MIT'])): whether the allowed licences
// are enough to meet the expression. Throws on what is no expression.
function evaluate(expression, allowed) {
  // Old crates write a slash for OR.
  const tokens = expression.replaceAll('/', ' OR ').match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;

  function operand() {
    const token = tokens[at++];
    if (token === '(') {
      const inner = or();
      if (tokens[at++] !== ')') throw new Error(`no closing bracket in ${expression}`);
      return inner;
    }
    if (!token || /^(\)|AND|OR|WITH)$/.test(token)) throw new Error(`not an SPDX expression: ${expression}`);
    if (tokens[at] !== 'WITH') return allowed.has(token);
    at += 2;
    return allowed.has(`${token} WITH ${tokens[at - 1]}`);
  }

  function and() {
    let met = operand();
    while (tokens[at] === 'AND') { at++; met = operand() && met; }
    return met;
  }

  function or() {
    let met = and();
    while (tokens[at] === 'OR') { at++; met = and() || met; }
    return met;
  }

  const met = or();
  if (at < tokens.length) throw new Error(`not an SPDX expression: ${expression}`);
  return met;
}

module.exports = { evaluate };
