"""Other ways to search, as oracles and baselines: brute force, greedy, random, evolution, Algorithm 2, HiGHS."""
