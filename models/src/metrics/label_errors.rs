//! Labels that are probably wrong: confident learning (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating
//! uncertainty in dataset labels", JAIR 70:1373). It needs predictions of a model that was not trained on the examples,
//! and finds little more than the model's own errors if the model is poor.

/// The class that each example probably belongs to instead of its own, (N); `None`: nothing contradicts its label. From
/// `probabilities` (N, K) and the labels (N): the most probable of the classes whose probability is at least as high as
/// the examples of that class have it on average.
pub fn suspected_classes(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
) -> Vec<Option<usize>> {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    let rows = || probabilities.chunks_exact(classes.max(1)).zip(labels);
    let mean_of_own = |class: usize| {
        let own = rows().filter(|(_, label)| **label == class);
        let (count, sum) = own.fold((0.0, 0.0), |(count, sum), (row, _)| {
            (count + 1.0, sum + row[class])
        });
        (count > 0.0).then(|| sum / count)
    };
    let usual: Vec<Option<f64>> = (0..classes).map(mean_of_own).collect();
    rows()
        .map(|(row, &label)| {
            (0..classes)
                .filter(|&class| usual[class].is_some_and(|usual| row[class] >= usual))
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .filter(|&class| class != label)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// Examples of K classes with probabilities of a good model, and those whose label is another class.
    fn planted(classes: usize, n: usize, wrong: usize) -> (Vec<f64>, Vec<usize>, Vec<bool>) {
        let mut stream = Stream::new(2, "planted");
        let (mut p, mut labels, mut is_wrong) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..n {
            let truth = i % classes;
            let logits: Vec<f64> = (0..classes)
                .map(|class| f64::from(u8::from(class == truth)) * 4.0 + stream.next_normal())
                .collect();
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            p.extend(logits.iter().map(|z| z.exp() / sum));
            let planted = i < wrong;
            labels.push(if planted {
                (truth + 1) % classes
            } else {
                truth
            });
            is_wrong.push(planted);
        }
        (p, labels, is_wrong)
    }

    #[test]
    fn most_planted_errors_are_found_and_few_other_examples() {
        for classes in [2, 4] {
            let (p, labels, is_wrong) = planted(classes, 600, 60);
            let suspected = suspected_classes(&p, classes, &labels);
            let count = |wrong: bool| {
                let both = suspected.iter().zip(&is_wrong);
                both.filter(|(class, is)| class.is_some() && **is == wrong)
                    .count()
            };
            let (found, mistaken) = (count(true), count(false));
            assert!(
                found >= 40 && mistaken <= 20,
                "{classes}: {found} {mistaken}"
            );
            let right = (suspected.iter().zip(&labels).take(60))
                .filter(|(class, label)| **class == Some((**label + classes - 1) % classes))
                .count();
            assert!(right >= 40, "{classes}: {right}");
        }
    }

    #[test]
    fn label_that_the_model_agrees_with_is_not_suspected() {
        let p = [0.9, 0.1, 0.2, 0.8, 0.6, 0.4];
        assert_eq!(suspected_classes(&p, 2, &[0, 1, 1]), [None, None, None]);
        // the third is as surely of class 0 as the first
        let p = [0.9, 0.1, 0.2, 0.8, 0.95, 0.05];
        assert_eq!(suspected_classes(&p, 2, &[0, 1, 1]), [None, None, Some(0)]);
        assert!(suspected_classes(&[], 2, &[]).is_empty());
        // a class without examples is not suspected
        assert_eq!(suspected_classes(&[0.1, 0.9], 2, &[0]), [None]);
    }
}
