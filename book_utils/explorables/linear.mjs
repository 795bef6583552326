// Least squares and ridge, as in book_utils/linear.py, for full column rank.

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Least squares, through a QR factorization by modified Gram and Schmidt; X (n x d) as rows, of rank d. */
export function lstsq(X, y) {
  const Q = X[0].map((_, j) => X.map((row) => row[j])), d = Q.length;
  const R = Q.map(() => []), w = [], rest = [...y];
  for (let j = 0; j < d; j++) {
    R[j][j] = Math.sqrt(dot(Q[j], Q[j]));
    Q[j] = Q[j].map((value) => value / R[j][j]);
    for (let k = j + 1; k < d; k++) {
      R[j][k] = dot(Q[j], Q[k]);
      Q[k] = Q[k].map((value, i) => value - R[j][k] * Q[j][i]);
    }
    w[j] = dot(Q[j], rest);
    rest.forEach((value, i) => { rest[i] = value - w[j] * Q[j][i]; });
  }
  for (let j = d - 1; j >= 0; j--) {
    for (let k = j + 1; k < d; k++) w[j] -= R[j][k] * w[k];
    w[j] /= R[j][j];
  }
  return w;
}

/** Ridge, J(w) = 1/(2n) ||y - Xw||^2 + lam/2 ||w||^2, with lam > 0: least squares with sqrt(n lam) I below X. */
export function ridge(X, y, lam) {
  const root = Math.sqrt(X.length * lam), zeros = X[0].map(() => 0);
  return lstsq([...X, ...zeros.map((_, i) => zeros.map((_, j) => (i === j ? root : 0)))], [...y, ...zeros]);
}
