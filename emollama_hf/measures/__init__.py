"""Numbers about predictions: scores, intervals by a bootstrap over groups, differences, calibration. No data sets.

Predictions ─► confusion counts ─► count_metrics   accuracy, F1, balanced accuracy, kappa
            ─► ranking ─────────► rank_metrics     AUC-ROC, AUC-PR
each of a set, or of thousands of resampled sets at once (group_bootstrap)
"""
