"""Predictions of a data set beside its labels: how many are right, of which class, and how sure that is.

data set or path ─► compared_rows   labels, predictions, groups and confidences, checked and mapped to classes
                 ─► measures        scores with intervals, confusion, calibration
                 ─► Evaluation      tables, figures, files
"""
