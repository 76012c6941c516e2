"""Rules of operators for texts and pictures, the judge, and appeals."""
