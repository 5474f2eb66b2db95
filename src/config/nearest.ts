// "Did you mean": the known name that a mistyped one is closest to.

/** The nearest of `names`, or undefined when none is near enough to be what was meant. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const plain = normalize(typed);
  const tolerance = Math.max(1, Math.floor(plain.length / 3));
  let best: string | undefined;
  let bestDistance = tolerance + 1;
  for (const name of names) {
    const distance = editDistance(plain, normalize(name));
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

// Case, "-" and "_" are the commonest slips: store_path, store-path and StorePath are all near storePath.
function normalize(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "").slice(0, 60);
}

/** Damerau-Levenshtein (adjacent letters swapped count once), since a swap is one slip of the fingers. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
